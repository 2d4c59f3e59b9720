"""A WebP picture as an animation of one frame: what libwebp does not make of clips that stand still.

The container: https://developers.google.com/speed/webp/docs/riff_container
"""

from collections.abc import Iterator

_ANIMATED = 0x02  # in the flags of VP8X
_REPLACE = 0x02  # in those of a frame: not blended with what was there before
_FOR_EVER = 0


def is_animation(file: bytes) -> bool:
    """Whether a WebP says that it is one."""
    return file[12:16] == b"VP8X" and bool(file[20] & _ANIMATED)


def as_animation(still: bytes, milliseconds: int) -> bytes:
    """The same picture, shown for so long; `still` is a WebP with metadata, and so with the chunk VP8X."""
    made = b""
    for name, body in _chunks(still):
        if name == b"VP8X":
            size = body[4:10]  # width - 1 and height - 1, 24 bits each
            made += _chunk(name, bytes([body[0] | _ANIMATED]) + body[1:])
            made += _chunk(b"ANIM", bytes(4) + _FOR_EVER.to_bytes(2, "little"))  # on a transparent background
        elif name in (b"VP8 ", b"VP8L"):
            head = bytes(6) + size + milliseconds.to_bytes(3, "little") + bytes([_REPLACE])
            made += _chunk(b"ANMF", head + _chunk(name, body))
        else:
            made += _chunk(name, body)
    return _chunk(b"RIFF", b"WEBP" + made)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12  # behind RIFF, its size, and WEBP
    while place < len(file):
        size = int.from_bytes(file[place + 4 : place + 8], "little")
        yield file[place : place + 4], file[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)
