"""What may be asked of Sana and SANA-1.5."""

from typing import Any

from farm.params.door import Door
from farm.params.sizes import rendered_shape


def sana_parameters(door: Door) -> dict[str, Any]:
    """All parameters but prompt and seed. Sizes: multiples of 32, or any size where the model has bins."""
    entry, request = door.entry, door.request
    door.refuse_given("num_frames", f"{entry.name} makes pictures, not clips")
    door.refuse_given("fps", f"{entry.name} makes pictures, not clips")
    width, height = door.size()
    guidance = door.real("guidance_scale", *entry.limits.guidance)
    instruction = request.complex_human_instruction
    if instruction is None:
        instruction = entry.defaults.get("complex_human_instruction", True)
    rendered = rendered_shape(entry, max(width, 1), max(height, 1))
    return {
        "width": width,
        "height": height,
        "num_inference_steps": door.whole("num_inference_steps", *entry.limits.steps),
        "guidance_scale": guidance,
        "negative_prompt": door.negative_prompt(guidance),
        "sampler": door.sampler(),
        "flow_shift": door.flow_shift(rendered.width, rendered.height),
        "complex_human_instruction": instruction,
    }
