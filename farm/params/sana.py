"""What may be asked of Sana and SANA-1.5."""

from typing import Any

from farm.params.request_checks import Door
from farm.params.samplers import first_steps_collide
from farm.params.sizes import rendered_shape

#: Smallest and largest controlnet_conditioning_scale; above, the added blocks drown the model's own.
CONTROL_SCALES = (0.0, 2.0)


def sana_parameters(door: Door) -> dict[str, Any]:
    """All parameters but prompt and seed. Sizes: multiples of 32, or any size where the model has bins."""
    door.only_of_pictures()
    return picture_parameters(door)


def controlled_parameters(door: Door) -> dict[str, Any]:
    """The same for Sana with a ControlNet, but for the control picture itself, which admission looks up."""
    door.only_of_pictures("controlnet_conditioning_scale")
    door.needs_picture("control_image", "follows a control picture")
    scale = door.real("controlnet_conditioning_scale", *CONTROL_SCALES)
    return picture_parameters(door) | {"controlnet_conditioning_scale": scale}


def picture_parameters(door: Door) -> dict[str, Any]:
    """What all pictures by Sana have."""
    entry = door.entry
    door.refuse_given("num_frames", f"{entry.name} makes pictures, not clips")
    door.refuse_given("fps", f"{entry.name} makes pictures, not clips")
    width, height = door.size()
    guidance = door.real("guidance_scale", *entry.limits.guidance)
    rendered = rendered_shape(entry, max(width, 1), max(height, 1))
    return {
        "width": width,
        "height": height,
        "guidance_scale": guidance,
        "negative_prompt": door.negative_prompt(guidance),
        "complex_human_instruction": door.instruction(),
        **course_parameters(door, rendered.width, rendered.height),
    }


def course_parameters(door: Door, width: int, height: int) -> dict[str, Any]:
    """Steps, sampler and shift for a rendered size; Sana's pipelines look up their first step by its timestep."""
    before = len(door.faults)
    steps = door.whole("num_inference_steps", *door.entry.limits.steps)
    sampler = door.sampler()
    shift = door.flow_shift(width, height)
    if len(door.faults) == before:
        _check_crowding(door, sampler, steps, shift)
    return {"num_inference_steps": steps, "sampler": sampler, "flow_shift": shift}


def _check_crowding(door: Door, sampler: str, steps: int, shift: float | None) -> None:
    if shift is None or not first_steps_collide(sampler, steps, shift):
        return
    most = next(count for count in range(steps, 0, -1) if not first_steps_collide(sampler, count, shift))
    door.refuse(
        "num_inference_steps",
        f"{steps} steps are too many for {sampler} at flow_shift {shift:g}: the first two fall on one timestep; "
        f"take at most {most} steps, a smaller shift, or the sampler euler",
    )
