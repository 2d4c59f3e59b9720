"""The clips that a render follows or changes, as the worker laid them beside its order."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from farm.clips import frames_of
from farm.params.checks.clip_frames import frames_taken
from farm.params.request.base import ClipRef, InputRef
from workers.families.base import Prepared, Refused
from workers.families.condition_pictures import picture_of


def clip_or_picture(prepared: Prepared, name: str, mode: str = "RGB") -> list[Image.Image] | Image.Image | None:
    """What the parameter of that name asks for: of a clip the frames that the render takes, one for each of its own, in
    its size; of a picture that one; None where it asks for nothing. `mode`: of Pillow, "L" for grey.

    Raises:
        Refused: it does not lie where the order says, cannot be read, or ends before the render does.
    """
    asked: InputRef | None = getattr(prepared.parameters, name)
    if not isinstance(asked, ClipRef):
        return None if asked is None else _in_size(picture_of(prepared, name), prepared, mode)
    path, taken = _taken(prepared, name, asked)
    found = read_frames(path, name, taken)
    frames: list[Image.Image] = []
    for place, count in sorted(Counter(taken).items()):
        frames += [_in_size(found[place], prepared, mode)] * count
    return frames


def frames_at(prepared: Prepared, name: str, places: Sequence[int]) -> list[Image.Image]:
    """What the clip of that name has for these frames of the render, in its own size; a picture is held.

    Raises:
        Refused: as above.
    """
    asked: InputRef = getattr(prepared.parameters, name)
    if not isinstance(asked, ClipRef):
        return [picture_of(prepared, name)] * len(places)
    path, taken = _taken(prepared, name, asked)
    wanted = [taken[place] for place in places]
    found = read_frames(path, name, wanted)
    return [found[place] for place in wanted]


def _taken(prepared: Prepared, name: str, clip: ClipRef) -> tuple[Path, list[int]]:
    """Where the clip lies, and its frame for each of the render's."""
    path = prepared.order.inputs.get(name)
    if path is None:
        raise Refused(f"the order came without the clip '{name}' that its parameters ask for")
    fps: int = getattr(prepared.parameters, "fps")  # noqa: B009  (of clips)
    return Path(path), frames_taken(prepared.parameters.frames, fps, clip.frame_rate)


def read_frames(path: Path, name: str, wanted: Sequence[int]) -> dict[int, Image.Image]:
    """These frames of a clip by their places. Raises Refused where it cannot be read, or ends before them."""
    places, found = set(wanted), dict[int, Image.Image]()
    try:
        os.utime(path)  # the worker keeps what was used last, and a clip in segments is read again
        for place, pixels in enumerate(frames_of(path)):
            if place in places:
                found[place] = Image.fromarray(pixels)
            if len(found) == len(places):
                return found
    except OSError as error:
        raise Refused(f"the clip '{name}' cannot be read: {error}") from error
    raise Refused(f"the clip '{name}' has fewer frames than the render takes of it")


def _in_size(picture: Image.Image, prepared: Prepared, mode: str) -> Image.Image:
    """In the rendered size, without keeping its proportions, as other families do it, and by the pipeline's own filter.

    The pipeline would keep a clip of another shape as it is, and lay it over the wrong places.
    """
    size = (prepared.order.width, prepared.order.height)
    return picture.convert(mode).resize(size, Image.Resampling.LANCZOS)
