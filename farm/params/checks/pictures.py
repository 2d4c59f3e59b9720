"""Uploaded pictures that a request names, and the numbers that belong to them."""

from farm.params.checks.collector import Checked, refused
from farm.params.pictures import FindInput
from farm.params.request.base import ADAPTER_SUFFIX, ClipRef, InputRef
from farm.params.request.submission import shown

#: What belongs to a picture or a clip → why models without one refuse it.
OF_PICTURES = {
    "strength": "{name} starts from no picture that could be noised",
    "controlnet_conditioning_scale": "{name} has no ControlNet",
    "conditioning_scale": "{name} follows no clip",
    "mode": "{name} moves no character of a picture",
    "segment_frame_length": "{name} renders a clip as a whole",
    "prev_segment_conditioning_frames": "{name} renders a clip as a whole",
}


def check_picture(field: str, given: str | None, find_input: FindInput) -> Checked[InputRef | None]:
    """The uploaded picture that a field names; None where it names none."""
    if given is None:
        return None, ()
    found = find_input(given)
    if isinstance(found, ClipRef):
        return refused(
            None, field, f"is a clip ({shown(found.name or found.id)}); give a picture, such as one frame of it"
        )
    if found is not None and not found.key.endswith(ADAPTER_SUFFIX):
        return found, ()
    missing = f"the project has no picture {shown(given)}; upload it first (farm inputs add FILE)"
    return refused(found, field, missing)
