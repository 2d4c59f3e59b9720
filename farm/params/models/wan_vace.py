"""What may be asked of Wan VACE."""

from typing import Any

from farm.params.checks.clips import check_clip, check_length, check_pictures
from farm.params.checks.family_checks import FamilyChecks
from farm.params.models.wan import clip_parameters
from farm.params.request.base import ClipRef

#: Smallest and largest conditioning_scale; above, what the control adds drowns the model's own.
CONDITIONING_SCALES = (0.0, 2.0)


def vace_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """All parameters but prompt and seed: those of Wan, and what is followed, all of which may be left out."""
    checks.only_of_pictures("conditioning_scale")
    found = clip_parameters(checks)
    found |= {name: checks.take(check_clip(name, checks.asked(name), checks.uploaded)) for name in ("video", "mask")}
    pictures = check_pictures("reference_images", checks.asked("reference_images"), checks.uploaded)
    found["reference_images"] = checks.take(pictures)
    found["conditioning_scale"] = checks.real("conditioning_scale", *CONDITIONING_SCALES)
    _check_together(checks, found)
    return found


def _check_together(checks: FamilyChecks, found: dict[str, Any]) -> None:
    """The rules of a clip and its mask, where both could be found."""
    video, mask = found["video"], found["mask"]
    if checks.asked("video") is None:
        if checks.asked("mask") is not None:
            checks.refuse("mask", "says what of a video is to be made anew; give that as 'video'")
        elif not checks.asked("reference_images") and checks.asked("conditioning_scale") is not None:
            checks.tell("conditioning_scale", "has little to scale: neither a video nor a reference picture is given")
        return
    for name, clip in (("video", video), ("mask", mask)):
        if isinstance(clip, ClipRef):
            length = check_length(name, clip, found["num_frames"], found["fps"], checks.entry.frame_multiple)
            checks.take(length)
    if video is None or isinstance(video, ClipRef):
        return
    if isinstance(mask, ClipRef):
        checks.refuse(
            "mask", "is a clip, and 'video' a picture, which is the first frame; give a picture of that frame"
        )
    elif mask is None and found["num_frames"] == 1:
        checks.refuse(
            "num_frames", "of a picture as 'video' there is nothing to be made in 1 frame without a mask; take 5"
        )
