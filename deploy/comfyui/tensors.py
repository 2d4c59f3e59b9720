"""Files and tensors. An IMAGE of ComfyUI is a float32 tensor [batch, height, width, channels] of values from 0 to 1."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from farm.errors import Fault, InvalidRequest


def picture_png(images: torch.Tensor, field: str) -> bytes:
    """The one picture of a batch, as a PNG. Raises InvalidRequest for several: which one is not ours to say."""
    if images.shape[0] != 1:
        raise InvalidRequest([Fault(f"/{field}", f"takes one picture, not a batch of {images.shape[0]}: choose one")])
    pixels = images[0, :, :, :3].clamp(0, 1).mul(255).round().to("cpu", torch.uint8).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def read_pictures(paths: Iterable[Path]) -> torch.Tensor:
    """Pictures of one size, as a batch in their order."""
    pictures = []
    for path in paths:
        with Image.open(path) as picture:
            pictures.append(_tensor(picture))
    return torch.stack(pictures)


def read_clip(path: Path, count: int, fps: float) -> torch.Tensor:
    """The `count` frames of an animated WebP.

    A frame that is equal to the one before is not stored again, that one lasts longer: so frames are found by time.
    """
    frames: list[torch.Tensor] = []
    with Image.open(path) as clip:
        ends = 0.0  # milliseconds
        for index in range(getattr(clip, "n_frames", 1)):
            clip.seek(index)
            shown = _tensor(clip)
            ends += clip.info.get("duration", 0)
            while len(frames) < count and round(1000 * len(frames) / fps) < ends:
                frames.append(shown)
    frames += [shown] * (count - len(frames))
    return torch.stack(frames)


def _tensor(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float32) / 255.0)
