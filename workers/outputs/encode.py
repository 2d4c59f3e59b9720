"""Pixels to files: the output in the format that was asked for, a clip's poster, thumbnails; and what is no output.

Every encoder writes the same bytes for the same pixels and metadata, so that a render can be repeated to the bit.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.params.outputs import default_format
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.frame_times import shown_frames
from workers.outputs.image_file import STILLS, encode_webp
from workers.outputs.mp4 import even_sides
from workers.outputs.video_file import CLIPS

#: uint8, (height, width, 3) for an image or (frames, height, width, 3) for a clip.
Pixels = NDArray[np.uint8]

THUMBNAIL_EDGE = 320  # pixels of the longer edge
THUMBNAIL_FRAMES = 24  # of a clip, spread over its length
POSTER_QUALITY = 90
#: No level of any channel above this: nothing can be seen.
BLACK = 3
_SUFFIXES = {"jpeg": "jpg"}


class Unusable(ValueError):
    """These pixels are no picture and no clip; the message says why."""


@dataclass(frozen=True)
class EncodedFile:
    """One file, ready to be stored."""

    filename: str
    content_type: str
    data: bytes
    width: int
    height: int
    frames: int
    score: float | None = None  # of a manifest: what the render's scorer said


def check_pixels(pixels: Pixels) -> None:
    """Raise Unusable for an output that is black all over: what a model makes of an overflow inside it."""
    if int(pixels.max()) <= BLACK:
        what = "every frame" if pixels.ndim == 4 and len(pixels) > 1 else "the picture"
        raise Unusable(
            f"{what} is black (no level above {BLACK} of 255), which is what an overflow inside the model looks like; "
            "if it happens again, try another seed, fewer steps or a lower guidance"
        )


def encode_output(pixels: Pixels, parameters: Mapping[str, Any], metadata: EmbeddedMetadata) -> EncodedFile:
    """The output of a render, as its parameters want it: `output_format`, `output_quality`, `fps`."""
    frames = frames_of(pixels)
    # Renders from before formats could be chosen are stored without one.
    form = parameters.get("output_format") or ("mp4" if pixels.ndim == 4 else default_format(1))
    quality = parameters.get("output_quality")
    if form in CLIPS and (pixels.ndim == 4 and (len(frames) > 1 or form not in STILLS)):
        frames = even_sides(frames) if form == "mp4" else frames
        data, kind = (
            CLIPS[form](frames, parameters.get("fps") or 16, metadata, quality),
            "video" if form == "mp4" else "image",
        )
    else:
        data, kind = STILLS[form](Image.fromarray(frames[0]), metadata, quality), "image"
    _, height, width, _ = frames.shape
    return EncodedFile(f"output.{_SUFFIXES.get(form, form)}", f"{kind}/{form}", data, width, height, len(frames))


def encode_poster(pixels: Pixels, metadata: EmbeddedMetadata) -> EncodedFile:
    """The first frame of a clip at full size, to be shown until it plays."""
    first = Image.fromarray(frames_of(pixels)[0])
    data = encode_webp(first, metadata, POSTER_QUALITY)
    return EncodedFile("poster.webp", "image/webp", data, first.width, first.height, 1)


def encode_thumbnail(pixels: Pixels, *, fps: int | None) -> EncodedFile:
    """A small WebP; animated when the render is a clip."""
    frames, rate = frames_of(pixels), fps or 16
    stride = max(1, -(-len(frames) // THUMBNAIL_FRAMES))
    shown = shown_frames(len(frames), rate, stride=stride)
    images = [Image.fromarray(frames[frame]) for frame, _ in shown]
    for image in images:
        image.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE), Image.Resampling.LANCZOS)
    durations = [milliseconds for _, milliseconds in shown]
    animation = {"save_all": True, "append_images": images[1:], "duration": durations, "loop": 0}
    buffer = io.BytesIO()
    # Method 2 takes half the time of 4 for files 4 % larger.
    images[0].save(buffer, "WEBP", quality=80, method=2, **(animation if len(images) > 1 else {}))
    first = images[0]
    return EncodedFile("thumbnail.webp", "image/webp", buffer.getvalue(), first.width, first.height, len(images))


def frames_of(pixels: Pixels) -> Pixels:
    """(frames, height, width, 3), also of a picture."""
    return pixels if pixels.ndim == 4 else pixels[None]
