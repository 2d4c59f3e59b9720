"""What may be asked of Wan Animate."""

from typing import Any, get_args

from farm.params.checks.clips import check_clip, check_length
from farm.params.checks.family_checks import FamilyChecks
from farm.params.models.wan import FRAMES_PER_LATENT, clip_parameters
from farm.params.request.base import AnimateMode, ClipRef, InputRef
from farm.params.segments import frames_made, segments_of
from farm.sentences import sentence

MODES = get_args(AnimateMode)
#: Fewest and most frames of a segment. With 77 the model was trained, and for so many its memory is reckoned.
SEGMENT_FRAMES = (5, 77)
#: How many frames two segments may share; the pipeline takes no others.
SHARED_FRAMES = (1, 5)
#: The clips that each mode needs; the first two must move.
_MOVING = ("pose_video", "face_video")
_OF_REPLACE = ("background_video", "mask_video")


def animate_parameters(checks: FamilyChecks) -> dict[str, Any]:
    """All parameters but prompt and seed: those of Wan, the character, what moves it, and how segments join."""
    own = ("mode", "segment_frame_length", "prev_segment_conditioning_frames")
    checks.only_of_pictures(*own)
    checks.needs_picture("image", "moves a character, and needs a picture of it")
    mode: AnimateMode = checks.asked("mode") or MODES[0]
    found = clip_parameters(checks) | {"mode": mode} | _segments(checks)
    found |= {name: _clip(checks, name, mode, found) for name in (*_MOVING, *_OF_REPLACE)}
    _check_segments(checks, found)
    return found


def _segments(checks: FamilyChecks) -> dict[str, int]:
    length = checks.whole("segment_frame_length", *SEGMENT_FRAMES)
    if length % FRAMES_PER_LATENT != 1:
        below = length // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
        checks.refuse("segment_frame_length", f"must be 1 more than a multiple of 4; seen {length}, take {below}")
    shared = checks.asked("prev_segment_conditioning_frames")
    if shared is None:
        shared = checks.entry.defaults.get("prev_segment_conditioning_frames", SHARED_FRAMES[0])
    elif shared not in SHARED_FRAMES:
        checks.refuse("prev_segment_conditioning_frames", sentence("must be 1 or 5; seen %(seen)s", seen=str(shared)))
        shared = SHARED_FRAMES[0]
    return {"segment_frame_length": length, "prev_segment_conditioning_frames": shared}


def _clip(checks: FamilyChecks, name: str, mode: str, found: dict[str, Any]) -> ClipRef | InputRef | None:
    """The clip of that name, which must be long enough; of the background and its mask also a picture."""
    asked = checks.asked(name)
    if mode == "animate" and name in _OF_REPLACE:
        checks.refuse_given(name, "is of mode 'replace'")
        return None
    if asked is None:
        who = "mode 'replace'" if name in _OF_REPLACE else checks.entry.name
        checks.refuse(name, f"{who} needs such a clip; upload one and give its id")
        return None
    clip = checks.take(check_clip(name, asked, checks.uploaded))
    if isinstance(clip, ClipRef):
        checks.take(check_length(name, clip, found["num_frames"], found["fps"], checks.entry.frame_multiple))
    elif clip is not None and name in _MOVING:
        checks.refuse(name, "is a picture, and nothing moves in it; give a clip")
    return clip


def _check_segments(checks: FamilyChecks, found: dict[str, Any]) -> None:
    """The rules of frames and segments together, where the pipeline divides by zero or joins no frames."""
    frames, length, shared = (
        found[name] for name in ("num_frames", "segment_frame_length", "prev_segment_conditioning_frames")
    )
    if length <= 2 * shared:
        least = (2 * shared + 3) // FRAMES_PER_LATENT * FRAMES_PER_LATENT + 1
        checks.refuse(
            "segment_frame_length",
            f"must be more than twice the {shared} frames that segments share; seen {length}, take {least}",
        )
        return
    if frames <= shared:
        checks.refuse(
            "num_frames",
            f"must be more than the {shared} frames that segments share; seen {frames}, take "
            f"{shared + FRAMES_PER_LATENT}",
        )
        return
    count = segments_of(frames, length, shared)
    made = frames_made(count, length, shared)
    if made > frames and not checks.faults:
        fits = f"num_frames {made}" if made <= checks.entry.limits.frames[1] else "fewer"
        checks.tell(
            "num_frames",
            f"{count} segments of {length} frames make {made}, of which the last {made - frames} are thrown away; "
            f"take {fits}, or another segment_frame_length",
        )
    if count > 1 and checks.asked("keep_latents"):
        checks.refuse("keep_latents", f"a clip of {count} segments has no latents of the whole; leave it out")
