"""Uploaded clips that a request names, and lists of pictures."""

from collections.abc import Sequence

from farm.errors import Fault
from farm.params.checks.clip_frames import frames_taken, frames_there
from farm.params.checks.collector import Checked, Notice, Said, refused
from farm.params.checks.pictures import check_picture
from farm.params.pictures import FindInput
from farm.params.request.base import ADAPTER_SUFFIX, ClipRef, InputRef
from farm.params.request.submission import pointer, shown

#: Pictures that one render may follow; each costs as much as four more frames.
MOST_REFERENCES = 8


def check_clip(field: str, given: str | None, find_input: FindInput) -> Checked[ClipRef | InputRef | None]:
    """The uploaded clip or picture that a field names; None where it names none."""
    if given is None:
        return None, ()
    found = find_input(given)
    if found is not None and not found.key.endswith(ADAPTER_SUFFIX):
        return found, ()
    missing = f"the project has no clip and no picture {shown(given)}; upload it first (farm inputs add FILE)"
    return refused(None, field, missing)


def check_length(field: str, clip: ClipRef, num_frames: int, fps: int, multiple: int) -> Checked[None]:
    """A fault where a clip ends before the render does; notices of what is not taken of it as it is."""
    taken = frames_taken(num_frames, fps, clip.frame_rate)
    rate = f"{clip.frame_rate:g}"
    if taken[-1] >= clip.frames:
        most = frames_there(clip.frames, clip.frame_rate, fps)
        fits = (most - 1) // multiple * multiple + 1
        return refused(
            None,
            field,
            f"the clip has {clip.frames} frames at {rate} a second, which are {most} of a render with {fps} a second, "
            f"and {num_frames} are asked for; take num_frames {fits} or less, or a longer clip",
        )
    said: Said = ()
    if taken != list(range(num_frames)):
        what = f"the clip has {rate} frames a second and the render {fps}: of each moment the nearest frame is taken"
        said += (Notice(pointer(field), what),)
    if clip.frames - taken[-1] > 1:
        rest = f"of the clip's {clip.frames} frames those after {taken[-1] + 1} are not used"
        said += (Notice(pointer(field), rest),)
    return None, said


def check_pictures(field: str, given: Sequence[str] | None, find_input: FindInput) -> Checked[tuple[InputRef, ...]]:
    """The uploaded pictures of a list, in its order."""
    if given is None:
        return (), ()
    if len(given) > MOST_REFERENCES:
        return refused((), field, f"must be at most {MOST_REFERENCES} pictures; seen {len(given)}")
    found: list[InputRef] = []
    said: Said = ()
    for place, each in enumerate(given):
        picture, faults = check_picture(field, each, find_input)
        said += tuple(Fault(pointer(field, place), fault.message) for fault in faults)
        found += [] if picture is None else [picture]
    return tuple(found), said
