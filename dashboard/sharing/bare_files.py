"""A picture or clip without what it says of itself: prompt, seed, model, which outputs carry in their metadata.

Only what is around the pixels is taken off, so they stay to the bit. What the formats are: PNG (ISO 15948), JPEG (ITU
T.81, JFIF), WebP (RFC 9649), GIF89a, MP4 (ISO 14496-12: boxes keep their length, since others point behind them).
"""

import struct
from collections.abc import Callable, Mapping

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
#: Chunks and segments that draw the picture; all others are left out.
_PNG_KEPT = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT pHYs".split())
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_WEBP_EXIF_AND_XMP = 0x08 | 0x04
#: Applications of GIFs that say how often a clip is repeated, and its colour profile. XMP and C2PA are others.
_GIF_KEPT = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"})
_JPEG_START_OF_SCAN, _JPEG_COMMENT = 0xDA, 0xFE
#: Boxes of an MP4 that hold metadata, and those in which they stand.
_MP4_TOLD, _MP4_INTO = frozenset({b"udta", b"meta", b"uuid"}), frozenset({b"moov", b"trak", b"mdia"})


class UnknownFile(ValueError):
    """Nobody can say what this file tells; it is not to be shown."""


def without_metadata(data: bytes, content_type: str) -> bytes:
    """The same pixels in the same format. Raises UnknownFile for a format, or a file, that cannot be looked through."""
    strip = _FORMATS.get(content_type)
    if strip is None:
        raise UnknownFile(content_type)
    try:
        return strip(data)
    except (struct.error, IndexError) as error:
        raise UnknownFile(content_type) from error


def _png(data: bytes) -> bytes:
    _expect(data.startswith(_PNG_HEAD))
    kept, at = [_PNG_HEAD], len(_PNG_HEAD)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in _PNG_KEPT:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join(kept)


def _jpeg(data: bytes) -> bytes:
    _expect(data.startswith(b"\xff\xd8"))
    kept, at = [data[:2]], 2
    while True:
        mark, length = struct.unpack_from(">xBH", data, at)
        if mark == _JPEG_START_OF_SCAN:
            return b"".join([*kept, data[at:]])
        # APP0 is JFIF, APP2 the colour profile, APP14 says how colours are meant.
        if mark != _JPEG_COMMENT and (not 0xE0 <= mark <= 0xEF or mark in (0xE0, 0xE2, 0xEE)):
            kept.append(data[at : at + 2 + length])
        at += 2 + length


def _webp(data: bytes) -> bytes:
    _expect(data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    kept, at = [], 12
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if kind == b"VP8X":
            kept.append(data[at : at + 8] + bytes([data[at + 8] & ~_WEBP_EXIF_AND_XMP]) + data[at + 9 : end])
        elif kind in _WEBP_KEPT:
            kept.append(data[at:end])
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _gif(data: bytes) -> bytes:
    _expect(data.startswith(b"GIF89a"))
    at = 13 + _colours(data[10])
    kept = [data[:at]]
    while data[at] != 0x3B:
        if data[at] == 0x21:  # an extension; 0xF9 says how long a frame stays, 0xFF is an application's
            end = _end_of_blocks(data, at + 2)
            keeps = data[at + 1] == 0xF9 or (data[at + 1] == 0xFF and data[at + 3 : at + 14] in _GIF_KEPT)
        else:
            _expect(data[at] == 0x2C)
            end = _end_of_blocks(data, at + 10 + _colours(data[at + 9]) + 1)
            keeps = True
        if keeps:
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, b"\x3b"])


def _mp4(data: bytes) -> bytes:
    blanked = bytearray(data)
    _blank(blanked, 0, len(blanked))
    return bytes(blanked)


def _blank(data: bytearray, at: int, end: int) -> None:
    """Make boxes with metadata free space."""
    while at < end:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        length = length or end - at
        _expect(head <= length <= end - at)
        if kind in _MP4_TOLD:
            data[at + 4 : at + 8] = b"free"
            data[at + head : at + length] = bytes(length - head)
        elif kind in _MP4_INTO:
            _blank(data, at + head, at + length)
        at += length


def _colours(flags: int) -> int:
    """Bytes of a GIF's table of colours."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _expect(right: bool) -> None:
    if not right:
        raise UnknownFile("not as its format says")


_FORMATS: Mapping[str, Callable[[bytes], bytes]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/gif": _gif,
    "video/mp4": _mp4,
}
#: What can be shown without its metadata.
BARE_TYPES = frozenset(_FORMATS)
