"""What may be asked of Sana and SANA-1.5."""

from typing import Any

from farm.params.checks.family_checks import FamilyChecks
from farm.params.checks.sampling import check_crowding
from farm.params.sizes import rendered_shape

#: Smallest and largest controlnet_conditioning_scale; above, the added blocks drown the model's own.
CONTROL_SCALES = (0.0, 2.0)


def sana_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """All parameters but prompt and seed. Sizes: multiples of 32, or any size where the model has bins."""
    checks.only_of_pictures()
    return picture_parameters(checks)


def controlled_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """The same for Sana with a ControlNet, but for the control picture itself, which admission looks up."""
    checks.only_of_pictures("controlnet_conditioning_scale")
    checks.needs_picture("control_image", "follows a control picture")
    scale = checks.real("controlnet_conditioning_scale", *CONTROL_SCALES)
    return picture_parameters(checks) | {"controlnet_conditioning_scale": scale}


def picture_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """What all pictures by Sana have."""
    entry = checks.entry
    checks.refuse_given("num_frames", f"{entry.name} makes pictures, not clips")
    checks.refuse_given("fps", f"{entry.name} makes pictures, not clips")
    width, height = checks.size()
    guidance = checks.real("guidance_scale", *entry.limits.guidance)
    rendered = rendered_shape(entry, max(width, 1), max(height, 1))
    return {
        "width": width,
        "height": height,
        "guidance_scale": guidance,
        "negative_prompt": checks.negative_prompt(guidance),
        "complex_human_instruction": checks.instruction(),
        **course_parameters(checks, rendered.width, rendered.height),
    }


def course_parameters(checks: FamilyChecks, width: int, height: int) -> dict[str, Any]:
    """Steps, sampler and shift for a rendered size; Sana's pipelines look up their first step by its timestep."""
    before = len(checks.faults)
    steps = checks.whole("num_inference_steps", *checks.entry.limits.steps)
    sampler = checks.sampler()
    shift = checks.flow_shift(width, height)
    if len(checks.faults) == before:
        checks.take(check_crowding(steps, sampler, shift))
    return {"num_inference_steps": steps, "sampler": sampler, "flow_shift": shift}
