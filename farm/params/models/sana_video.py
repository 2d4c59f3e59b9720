"""What may be asked of SANA-Video."""

from typing import Any

from farm.params.checks.family_checks import FamilyChecks
from farm.params.models.sana import course_parameters
from farm.params.models.wan import frames_asked, refuse_a_picture_alone


def sana_video_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """All parameters but prompt, seed and the picture to begin with, which admission looks up.

    Sizes: multiples of 32. Frames: 4k + 1, of the 720p model 8k + 1; with a picture more than one, which is given.
    """
    entry = checks.entry
    checks.only_of_pictures()
    width, height = checks.size()
    guidance = checks.real("guidance_scale", *entry.limits.guidance)
    frames = frames_asked(checks)
    refuse_a_picture_alone(checks, frames)
    return {
        "width": width,
        "height": height,
        "num_frames": frames,
        "fps": checks.whole("fps", *entry.limits.fps),
        "guidance_scale": guidance,
        "negative_prompt": checks.negative_prompt(guidance),
        "complex_human_instruction": checks.instruction(),
        **course_parameters(checks, width, height),
    }
