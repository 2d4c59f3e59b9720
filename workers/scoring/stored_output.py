"""A stored output as pixels again, as scorers see them."""

import io
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from farm.demo.inspection import read_frames
from workers.outputs.encode import Pixels


class Unreadable(ValueError):
    """A stored file is no picture and no clip that can be read; the message says why."""


def read_pixels(data: bytes, key: str, *, clip: bool) -> Pixels:
    """(height, width, 3), or with `clip` (frames, height, width, 3), uint8, of a stored file. Raises Unreadable.

    What a lossy format lost stays lost, and a clip has even sides: scores are of what people see.
    """
    try:
        if key.endswith(".mp4"):
            with tempfile.TemporaryDirectory(prefix="score-") as folder:
                path = Path(folder) / "output.mp4"
                path.write_bytes(data)
                frames = [np.asarray(frame, np.uint8) for frame in read_frames(path)]
        else:
            with Image.open(io.BytesIO(data)) as file:
                frames = [np.asarray(frame.convert("RGB"), np.uint8) for frame in ImageSequence.Iterator(file)]
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise Unreadable(f"its stored file cannot be read: {error}") from error
    if not frames:
        raise Unreadable("its stored file holds no picture")
    return np.stack(frames) if clip else frames[0]
