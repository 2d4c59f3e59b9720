"""A clip to the bytes of a file; the same pixels and recipe always give the same bytes."""

import io
import tempfile
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workers.recipes import Recipe
from workers.stills import LOSSLESS

#: uint8, (frames, height, width, 3).
Frames = NDArray[np.uint8]

_PALETTE_PIXELS = 512 * 512  # of all frames together, from which a GIF's colours are chosen


def encode_mp4(frames: Frames, fps: int, recipe: Recipe, quality: int | None) -> bytes:
    """H.264, yuv420p, playable from the first byte; one encoder thread and no encoder tags, for equal bytes."""
    _, height, width, _ = frames.shape
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        path = Path(folder) / "output.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path),
            (width, height),
            fps=fps,
            codec="libx264",
            quality=(quality or 80) / 10,  # imageio-ffmpeg's scale is 0 (worst) to 10 (best)
            macro_block_size=2,  # what yuv420p needs; the door lets only even sizes through
            ffmpeg_log_level="error",
            output_params=[
                *("-threads", "1", "-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
                *("-metadata", f"comment={recipe.text}", "-metadata", f"description={recipe.json}"),
            ],
        )
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
        return path.read_bytes()


def encode_webp_clip(frames: Frames, fps: int, recipe: Recipe, quality: int | None) -> bytes:
    """Animated, for ever; at 100 without loss."""
    return _save(
        [Image.fromarray(frame) for frame in frames],
        "WEBP",
        quality=quality,
        lossless=quality == LOSSLESS,
        method=4,
        duration=_durations(len(frames), fps, unit=1),
        exif=recipe.exif(),
        xmp=recipe.xmp(),
    )


def encode_gif(frames: Frames, fps: int, recipe: Recipe, _quality: int | None) -> bytes:
    """Animated, for ever; one palette for all frames, as colours that change from frame to frame would flicker."""
    count, height, width, _ = frames.shape
    stride = max(1, -(-count * height * width // _PALETTE_PIXELS))
    sample = np.ascontiguousarray(frames.reshape(-1, 1, 3)[::stride])
    palette = Image.fromarray(sample).quantize(256, Image.Quantize.MEDIANCUT)
    images = [Image.fromarray(frame).quantize(palette=palette) for frame in frames]
    return _save(
        images,
        "GIF",
        duration=_durations(count, fps, unit=10),
        comment=recipe.text.encode(),
        optimize=False,
        disposal=1,
    )


def _durations(frames: int, fps: int, *, unit: int) -> list[int]:
    """Milliseconds of each frame in whole units; the roundings make up for each other, so that the end is on time."""
    ends = [round(1000 * frame / fps / unit) * unit for frame in range(frames + 1)]
    return [end - begin for begin, end in pairwise(ends)]


def _save(images: list[Image.Image], form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    images[0].save(buffer, form, save_all=True, append_images=images[1:], loop=0, **options)
    return buffer.getvalue()


#: From `output_format` to who writes it.
CLIPS: Mapping[str, Callable[[Frames, int, Recipe, int | None], bytes]] = {
    "mp4": encode_mp4,
    "webp": encode_webp_clip,
    "gif": encode_gif,
}
