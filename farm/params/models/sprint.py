"""What may be asked of SANA-Sprint."""

from typing import Any

from farm.params.checks.family_checks import FamilyChecks

#: Smallest and largest strength; from 0.05 on at least one of one to four steps is left.
STRENGTHS = (0.05, 1.0)


def sprint_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """All parameters but prompt and seed. One to four steps; sizes as for Sana.

    The picture to start from is looked up by admission.
    """
    entry, request = checks.entry, checks.request
    checks.refuse_given("num_frames", f"{entry.name} makes pictures, not clips")
    checks.refuse_given("fps", f"{entry.name} makes pictures, not clips")
    checks.refuse_given(
        "negative_prompt",
        f"{entry.name} has no negative prompt: guidance is an input of the distilled model, so no second "
        "prediction is made that a negative prompt could steer",
    )
    checks.refuse_given("flow_shift", f"the consistency sampler of {entry.name} has no timestep shift")
    checks.only_of_pictures("strength")
    if request.image is None:
        checks.refuse_given("strength", "it says how far a picture is noised, and there is no image")
    width, height = checks.size()
    steps = checks.whole("num_inference_steps", *entry.limits.steps)
    strength = None if request.image is None else checks.real("strength", *STRENGTHS)
    if strength is not None and steps >= 1 and steps - steps * strength < 1:
        checks.tell("strength", _nothing_left(steps, strength))
    return {
        "width": width,
        "height": height,
        "num_inference_steps": steps,
        "guidance_scale": checks.real("guidance_scale", *entry.limits.guidance),
        "sampler": checks.sampler(),
        "complex_human_instruction": checks.instruction(),
        "strength": strength,
    }


def _nothing_left(steps: int, strength: float) -> str:
    """Whole steps are left out, and the first of all begins with noise alone."""
    if steps == 1:
        return "with one step nothing of the picture is left, whatever the strength; take 2 steps or more"
    most = (steps - 1) / steps
    return f"nothing of the picture is left with {steps} steps at {strength:g}; take {int(most * 100) / 100:g} or less"
