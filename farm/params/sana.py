"""What may be asked of Sana and SANA-1.5."""

from typing import Any

from farm.params.door import Door
from farm.params.samplers import first_steps_collide
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
    before = len(door.faults)
    steps = door.whole("num_inference_steps", *entry.limits.steps)
    sampler = door.sampler()
    shift = door.flow_shift(rendered.width, rendered.height)
    if len(door.faults) == before:
        _check_crowding(door, sampler, steps, shift)
    return {
        "width": width,
        "height": height,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "negative_prompt": door.negative_prompt(guidance),
        "sampler": sampler,
        "flow_shift": shift,
        "complex_human_instruction": instruction,
    }


def _check_crowding(door: Door, sampler: str, steps: int, shift: float | None) -> None:
    if shift is None or not first_steps_collide(sampler, steps, shift):
        return
    most = next(count for count in range(steps, 0, -1) if not first_steps_collide(sampler, count, shift))
    door.refuse(
        "num_inference_steps",
        f"{steps} steps are too many for {sampler} at flow_shift {shift:g}: the first two fall on one timestep; "
        f"take at most {most} steps, a smaller shift, or the sampler euler",
    )
