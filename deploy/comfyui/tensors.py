"""Files and tensors. An IMAGE of ComfyUI is a float32 tensor [batch, height, width, channels] of values from 0 to 1, a
MASK one of [batch, height, width].
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from farm.errors import Fault, InvalidRequest


def picture_png(images: torch.Tensor, field: str) -> bytes:
    """The one picture of a batch, as a PNG. Raises InvalidRequest for several: which one is not ours to say."""
    _check_image(images, field)
    if images.shape[0] != 1:
        raise InvalidRequest([Fault(f"/{field}", f"takes one picture, not a batch of {images.shape[0]}: choose one")])
    file = io.BytesIO()
    Image.fromarray(_pixels(images)[0]).save(file, "PNG")
    return file.getvalue()


def clip_mp4(frames: torch.Tensor, fps: float, field: str) -> bytes:
    """A batch of pictures as an MP4 of so many frames a second, without loss: H.264 in RGB. Raises InvalidRequest."""
    import av  # ComfyUI brings it; who renders no clips needs none

    _check_image(frames, field)
    file, pixels = io.BytesIO(), _pixels(frames)
    with av.open(file, "w", format="mp4") as container:
        options = {"qp": "0", "preset": "veryfast"}
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264rgb", rate=rate, options=options)
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "rgb24"
        for frame in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def mask_image(mask: torch.Tensor) -> torch.Tensor:
    """A MASK as a grey IMAGE: 1 is white."""
    return mask.reshape(-1, *mask.shape[-2:], 1).expand(-1, -1, -1, 3)


def _check_image(images: torch.Tensor, field: str) -> None:
    """Raise InvalidRequest for what is no IMAGE with pixels, as some nodes of other packages give it."""
    if images.dim() != 4 or images.shape[-1] not in (1, 3, 4) or 0 in images.shape:
        seen = " x ".join(map(str, images.shape))
        message = f"must be pictures: [batch, height, width, channels] with 1, 3 or 4 channels; seen {seen}"
        raise InvalidRequest([Fault(f"/{field}", message)])


def _pixels(images: torch.Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
    grey = images.shape[-1] == 1
    colours = images.expand(*images.shape[:-1], 3) if grey else images[..., :3]  # without the alpha of the fourth
    found: np.ndarray[Any, np.dtype[np.uint8]] = (
        colours.detach().clamp(0, 1).mul(255).round().to("cpu", torch.uint8).contiguous().numpy()
    )
    return found


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
