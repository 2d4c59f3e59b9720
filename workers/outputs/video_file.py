"""A clip to the bytes of a file; the same pixels and metadata always give the same bytes."""

import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.frame_times import shown_frames
from workers.outputs.image_file import LOSSLESS
from workers.outputs.mp4 import encode_mp4
from workers.outputs.webp_frames import as_animation, is_animation

#: uint8, (frames, height, width, 3).
Frames = NDArray[np.uint8]

_PALETTE_PIXELS = 512 * 512  # of all frames together, from which a GIF's colours are chosen
_HUNDREDTHS = 10  # milliseconds: what a GIF counts in


def encode_webp_clip(frames: Frames, fps: int, metadata: EmbeddedMetadata, quality: int | None) -> bytes:
    """Animated, for ever; at 100 without loss."""
    shown = shown_frames(len(frames), fps)
    data = _save(
        [Image.fromarray(frames[frame]) for frame, _ in shown],
        "WEBP",
        quality=quality,
        lossless=quality == LOSSLESS,
        method=4,
        duration=[milliseconds for _, milliseconds in shown],
        exif=metadata.exif(),
        xmp=metadata.xmp(),
    )
    # Of frames that it takes for one and the same libwebp writes a picture, which lasts no time.
    return data if is_animation(data) else as_animation(data, sum(milliseconds for _, milliseconds in shown))


def encode_gif(frames: Frames, fps: int, metadata: EmbeddedMetadata, _quality: int | None) -> bytes:
    """Animated, for ever; one palette for all frames, as colours that change from frame to frame would flicker."""
    count, height, width, _ = frames.shape
    shown = shown_frames(count, fps, unit=_HUNDREDTHS)
    stride = max(1, -(-count * height * width // _PALETTE_PIXELS))
    sample = np.ascontiguousarray(frames.reshape(-1, 1, 3)[::stride])
    palette = Image.fromarray(sample).quantize(256, Image.Quantize.MEDIANCUT)
    images = [Image.fromarray(frames[frame]).quantize(palette=palette) for frame, _ in shown]
    data = _save(
        images,
        "GIF",
        duration=[milliseconds for _, milliseconds in shown],
        comment=metadata.text.encode(),
        optimize=False,
        disposal=1,
    )
    told = metadata.source_type_xmp()
    return data if told is None else _with_xmp(data, told)


def _with_xmp(gif: bytes, packet: bytes) -> bytes:
    """XMP as the last block. A reader that knows none jumps by its bytes until the trailer sends it to the end.

    XMP Specification Part 3, 1.1.2 (GIF): 'magic trailer'.
    """
    trailer = bytes([1, *range(255, -1, -1), 0])
    return gif[:-1] + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + gif[-1:]


def _save(images: list[Image.Image], form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    images[0].save(buffer, form, save_all=True, append_images=images[1:], loop=0, **options)
    return buffer.getvalue()


#: From `output_format` to who writes it.
CLIPS: Mapping[str, Callable[[Frames, int, EmbeddedMetadata, int | None], bytes]] = {
    "mp4": encode_mp4,
    "webp": encode_webp_clip,
    "gif": encode_gif,
}
