"""How the pictures of a job ended, in the Horde's words: pure functions of what the farm says of its renders."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from PIL import Image

from farm.client import FarmProblem, Render
from farm.errors import FarmError
from farm.horde.protocol import Report, State
from farm.lifecycle import RenderStatus
from farm.plugins import NOT_ALLOWED

#: Of the WebP that is handed over. The farm's own file is not: its metadata are the farm's.
QUALITY = 95
_CENSORED_GREY = (64, 64, 64)
_INVALID = 422  # HTTP: the request itself is refused, for reasons that are anybody's to know
TOO_LATE = "it was not rendered in the time that the Horde gives"
_FAULTS = {
    RenderStatus.FAILED: "the render failed",
    RenderStatus.EXPIRED: TOO_LATE,
    RenderStatus.CANCELLED: "the worker gave it up",
}


def reports(
    picture_ids: Sequence[str], seeds: Sequence[int], renders: Iterable[Render], remarks: Sequence[str]
) -> list[Report]:
    """A report for each picture, in the order of the ids; a farm's renders have the order of their seeds."""
    by_index = {render.index: render for render in renders}
    return [
        _report(picture_id, seed, by_index.get(place), tuple(remarks))
        for place, (picture_id, seed) in enumerate(zip(picture_ids, seeds, strict=True))
    ]


def faulted(picture_ids: Iterable[str], reasons: Sequence[str]) -> list[Report]:
    """The same reasons for each picture."""
    return [Report(picture_id, State.FAULTED, 0, tuple(reasons)) for picture_id in picture_ids]


def told_outside(error: FarmError) -> list[str]:
    """What a stranger may know of an error of the farm: faults of his request, and nothing of the farm itself."""
    if isinstance(error, FarmProblem) and error.status == _INVALID and error.errors:
        return [str(fault) for fault in error.errors]
    return ["the worker cannot render it now"]


def as_webp(picture: Image.Image) -> bytes:
    """The picture as the Horde stores it, without metadata."""
    file = io.BytesIO()
    picture.convert("RGB").save(file, "WEBP", quality=QUALITY, exif=b"", xmp=b"", icc_profile=b"")
    return file.getvalue()


def censored_picture(width: int, height: int) -> bytes:
    """What is handed over in place of a picture that may not be shown."""
    return as_webp(Image.new("RGB", (width, height), _CENSORED_GREY))


def _report(picture_id: str, seed: int, render: Render | None, remarks: tuple[str, ...]) -> Report:
    if render is not None and render.status == RenderStatus.DONE:
        return Report(picture_id, State.OK, seed, remarks)
    if render is not None and render.status == RenderStatus.FAILED and (render.reason or "").startswith(NOT_ALLOWED):
        return Report(picture_id, State.CENSORED, seed, remarks)
    why = next(
        (words for status, words in _FAULTS.items() if render and render.status == status), "it was not rendered"
    )
    return Report(picture_id, State.FAULTED, seed, (why,))
