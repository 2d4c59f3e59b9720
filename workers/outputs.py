"""Pixels to files: PNG with its parameters inside, MP4, WebP thumbnails.

Every encoder here writes the same bytes for the same pixels and text, so that a render can be repeated to the bit.
"""

import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

#: uint8, (height, width, 3) for an image or (frames, height, width, 3) for a clip.
Pixels = NDArray[np.uint8]

THUMBNAIL_EDGE = 320  # pixels of the longer edge
THUMBNAIL_FRAMES = 24  # of a clip, spread over its length
_MP4_QUALITY = 8  # imageio-ffmpeg's scale, 0 (worst) to 10 (best)


@dataclass(frozen=True)
class EncodedFile:
    """One file, ready to be stored."""

    filename: str
    content_type: str
    data: bytes
    width: int
    height: int
    frames: int


def encode_output(pixels: Pixels, *, fps: int | None, text: str, recipe: dict[str, Any]) -> EncodedFile:
    """The output of a render: PNG for an image, MP4 for a clip.

    text is the human-readable line of parameters and recipe our JSON; both are embedded where the format has room.
    """
    if pixels.ndim == 4:
        return _encode_mp4(pixels, fps or 16, text)
    return _encode_png(pixels, text, recipe)


def encode_thumbnail(pixels: Pixels, *, fps: int | None) -> EncodedFile:
    """A small WebP; animated when the render is a clip."""
    frames, rate = pixels[None] if pixels.ndim == 3 else pixels, fps or 16
    stride = max(1, -(-len(frames) // THUMBNAIL_FRAMES))
    images = [Image.fromarray(frame) for frame in frames[::stride]]
    for image in images:
        image.thumbnail((THUMBNAIL_EDGE, THUMBNAIL_EDGE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        "WEBP",
        quality=80,
        method=4,
        **(
            {
                "save_all": True,
                "append_images": images[1:],
                "duration": round(1000 * stride / rate),
                "loop": 0,
            }
            if len(images) > 1
            else {}
        ),
    )
    return EncodedFile(
        "thumbnail.webp", "image/webp", buffer.getvalue(), images[0].width, images[0].height, len(images)
    )


def _encode_png(pixels: Pixels, text: str, recipe: dict[str, Any]) -> EncodedFile:
    chunks = PngInfo()
    chunks.add_itxt("parameters", text)
    chunks.add_itxt("latent-farm", json.dumps(recipe, ensure_ascii=False, sort_keys=True))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=chunks, compress_level=4)
    height, width, _ = pixels.shape
    return EncodedFile("output.png", "image/png", buffer.getvalue(), width, height, 1)


def _encode_mp4(pixels: Pixels, fps: int, text: str) -> EncodedFile:
    """H.264, yuv420p, playable from the first byte; one encoder thread and no encoder tags, for equal bytes."""
    frames, height, width, _ = pixels.shape
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        path = Path(folder) / "output.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path),
            (width, height),
            fps=fps,
            codec="libx264",
            quality=_MP4_QUALITY,
            macro_block_size=2,  # what yuv420p needs; the door lets only even sizes through
            ffmpeg_log_level="error",
            output_params=[
                *(
                    "-threads",
                    "1",
                    "-movflags",
                    "+faststart",
                    "-fflags",
                    "+bitexact",
                    "-flags:v",
                    "+bitexact",
                ),
                *("-metadata", f"comment={text}"),
            ],
        )
        writer.send(None)
        for frame in pixels:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
        return EncodedFile("output.mp4", "video/mp4", path.read_bytes(), width, height, frames)
