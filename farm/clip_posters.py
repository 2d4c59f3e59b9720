"""The first frame of a stored clip, small: what a page shows of it before it plays."""

import io
from collections.abc import Iterable

import av
from PIL import Image

from farm.pictures import small_webp

#: Bytes of the beginning that hold the first frame, whatever it shows: a pixel of FFV1 takes hardly more than raw, and
#: the header of the file little.
_HEADER_BYTES = 1_000_000
_BYTES_A_PIXEL = 4


def beginning(pieces: Iterable[bytes], width: int, height: int) -> bytes:
    """As much of a clip of this size in pixels as its first frame needs."""
    wanted, held = _HEADER_BYTES + _BYTES_A_PIXEL * width * height, bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= wanted:
            break
    return bytes(held)


def poster_of(begin: bytes) -> bytes:
    """WebP of the first frame. `begin`: of a clip as :mod:`farm.clips` wrote it, never as it was sent.

    Raises OSError where there is none.
    """
    try:
        with av.open(io.BytesIO(begin), "r", format="matroska") as source:
            picture = Image.fromarray(next(source.decode(video=0)).to_ndarray(format="rgb24"))
    except (av.error.FFmpegError, IndexError, StopIteration) as error:
        raise OSError(f"it is no clip as the farm stores them ({error})") from error
    return small_webp(picture)
