"""What may be asked of SANA-Sprint."""

from typing import Any

from farm.params.door import Door


def sprint_parameters(door: Door) -> dict[str, Any]:
    """All parameters but prompt and seed. One to four steps; sizes as for Sana."""
    entry, request = door.entry, door.request
    door.refuse_given("num_frames", f"{entry.name} makes pictures, not clips")
    door.refuse_given("fps", f"{entry.name} makes pictures, not clips")
    door.refuse_given(
        "negative_prompt",
        f"{entry.name} has no negative prompt: guidance is an input of the distilled model, so no second "
        "prediction is made that a negative prompt could steer",
    )
    door.refuse_given("flow_shift", f"the consistency sampler of {entry.name} has no timestep shift")
    width, height = door.size()
    instruction = request.complex_human_instruction
    if instruction is None:
        instruction = entry.defaults.get("complex_human_instruction", True)
    return {
        "width": width,
        "height": height,
        "num_inference_steps": door.whole("num_inference_steps", *entry.limits.steps),
        "guidance_scale": door.real("guidance_scale", *entry.limits.guidance),
        "sampler": door.sampler(),
        "complex_human_instruction": instruction,
    }
