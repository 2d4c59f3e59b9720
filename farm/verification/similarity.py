"""How alike two stored outputs are, as those who look at the files see them."""

import io
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

#: uint8, (height, width, 3), RGB.
Frame = NDArray[np.uint8]
_FRAMES = "they have not as many frames as each other"
#: That convert the colours of a frame: PyAV would start some for each.
_THREADS = 1
_UNREADABLE = (av.error.FFmpegError, Image.DecompressionBombError, IndexError, OSError, RuntimeError, SyntaxError)


@dataclass(frozen=True)
class Similarity:
    """`psnr`: peak signal-to-noise ratio in dB, endless for equal pixels; `largest`: of all differences, in levels."""

    psnr: float
    largest: int


def compare(one: Iterable[Frame], other: Iterable[Frame]) -> Similarity:
    """Two outputs, frame by frame. Raises ValueError when sizes or numbers of frames differ, or there are none."""
    squares, count, largest = 0.0, 0, 0
    for first, second in itertools.zip_longest(one, other):
        if first is None or second is None:
            raise ValueError(_FRAMES)
        if first.shape != second.shape:
            raise ValueError(f"the files hold {_size(first)} and {_size(second)}")
        differences = np.abs(first.astype(np.int16) - second.astype(np.int16))
        squares += float(np.sum(np.square(differences, dtype=np.float64)))
        count += differences.size
        largest = max(largest, int(differences.max()))
    if not count:
        raise ValueError("the files hold no frame")
    return Similarity(10 * math.log10(255**2 / (squares / count)) if squares else math.inf, largest)


def frames_in(data: bytes, content_type: str) -> Iterator[Frame]:
    """The frames of a stored output, one after the other. Raises ValueError when it cannot be read."""
    try:
        yield from _film(data) if content_type == "video/mp4" else _pictures(data)
    except _UNREADABLE as error:
        raise ValueError(f"the file of type {content_type} cannot be read: {error}") from error


def _pictures(data: bytes) -> Iterator[Frame]:
    with Image.open(io.BytesIO(data)) as image:
        for frame in ImageSequence.Iterator(image):
            yield np.asarray(frame.convert("RGB"))


def _film(data: bytes) -> Iterator[Frame]:
    with av.open(io.BytesIO(data), "r", format="mp4") as source:
        for frame in source.decode(video=0):
            yield frame.to_ndarray(format="rgb24", threads=_THREADS).astype(np.uint8, copy=False)


def _size(frame: Frame) -> str:
    height, width, _ = frame.shape
    return f"{width}x{height}"
