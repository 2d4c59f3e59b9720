"""Pictures and clips for renders that start from one or follow one."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.clip_containers import ClipLimits
from farm.clips import clean_clip, frames_of
from farm.params.request.base import InputRef

_FOLDER = tempfile.TemporaryDirectory(prefix="farm-pictures-")
LIMITS = ClipLimits(bytes=10_000_000, frames=100, pixels=10_000_000, seconds=60)
CLIP_FRAMES, CLIP_RATE = 30, 16.0


@cache
def picture_file(number: int = 0) -> str:
    """A PNG of 48 x 40 pixels with large shapes and noise, another one for each number."""
    random = np.random.default_rng(number)
    coarse = np.kron(random.integers(0, 200, (5, 6, 3)), np.ones((8, 8, 1)))
    pixels = (coarse + random.integers(0, 55, coarse.shape)).astype(np.uint8)
    path = Path(_FOLDER.name) / f"{number}.png"
    Image.fromarray(pixels).save(path)
    return str(path)


def picture_ref(number: int = 0) -> dict[str, str]:
    """What a render's parameters say of it."""
    return {"id": f"picture-{number}", "key": f"inputs/{number}.png", "sha256": f"{number:064x}"}


@cache
def clip_file(number: int = 0) -> str:
    """A clip as the farm stores it, of 48 x 40 pixels, on which a bar moves: 30 frames at 16 a second."""
    path = Path(_FOLDER.name) / f"{number}.mp4"
    write_clip(path, moving_bar(number))
    stored = path.with_suffix(".mkv")
    clean_clip(path, stored, LIMITS)
    return str(stored)


def clip_ref(number: int = 0) -> dict[str, Any]:
    """What a render's parameters say of it."""
    told = {"id": f"clip-{number}", "key": f"inputs/clip-{number}.mkv", "sha256": f"{1000 + number:064x}"}
    return {**told, "frames": CLIP_FRAMES, "frame_rate": CLIP_RATE}


def clip_pixels(number: int = 0) -> list[NDArray[np.uint8]]:
    """Its frames."""
    return list(frames_of(Path(clip_file(number))))


def input_file(ref: InputRef) -> str:
    """The file of a picture or clip."""
    kind, number = ref.id.split("-")
    return clip_file(int(number)) if kind == "clip" else picture_file(int(number))


def moving_bar(number: int = 0, frames: int = CLIP_FRAMES, width: int = 48, height: int = 40) -> NDArray[np.uint8]:
    """Frames (frames, height, width, 3): dark, with a bright bar that moves to the right."""
    pixels = np.full((frames, height, width, 3), 20 + 10 * number, np.uint8)
    for place in range(frames):
        pixels[place, :, (place + 3 * number) % width : (place + 3 * number) % width + 12] = 235
    return pixels


def write_clip(
    path: Path, frames: NDArray[np.uint8], *, rate: int = 16, codec: str = "libx264", **options: str
) -> None:
    """A clip as people send it."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
