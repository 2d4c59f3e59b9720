"""What a file says at its beginning of being a clip, and what a clip may have: for whoever needs no video library."""

from dataclasses import dataclass

#: Of a clip as the farm stores it: Matroska.
CLIP_TYPE = "video/x-matroska"
#: Pixels of one frame: 4096 x 2304, far more than any model renders. It bounds the memory of a decoder.
MOST_FRAME_PIXELS = 4096 * 2304
#: Matroska (RFC 9559): the ids of the header and of the segment, which is all the rest.
_MATROSKA = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
#: Files of MP4's kind that are pictures, by their brand (ISO/IEC 23008-12, AV1 Image File Format).
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heif", b"hevc"})

#: Others, by how they begin.
_FOREIGN = {
    b"\x00\x00\x01\xba": "MPEG program stream",
    b"FLV\x01": "Flash video",
    b"OggS": "Ogg",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
}


@dataclass(frozen=True)
class ClipLimits:
    """What a clip may have: `pixels` of all frames together."""

    bytes: int
    frames: int
    pixels: int
    seconds: int


def container_of(begin: bytes) -> str | None:
    """The container of a clip by its first twelve bytes, as FFmpeg calls it: MP4 (or MOV), WebM (or Matroska)."""
    if begin[4:8] == b"ftyp" and begin[8:12] not in _PICTURE_BRANDS:
        return "mp4"
    return "matroska" if begin.startswith(_MATROSKA) else None


def foreign_clip(begin: bytes) -> str | None:
    """What a moving picture of a kind that is not taken is called, by its first 200 bytes; None: it is none."""
    if begin.startswith(b"RIFF") and begin[8:12] == b"AVI ":
        return "AVI"
    if begin[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    # A packet of a transport stream begins so, and the next one 188 bytes behind it; on Blu-ray 192, behind a time.
    if begin[0:189:188] == b"GG" or begin[4:197:192] == b"GG":
        return "MPEG transport stream"
    return next((name for magic, name in _FOREIGN.items() if begin.startswith(magic)), None)


def is_cut_off(begin: bytes, size: int) -> bool:
    """Whether a WebM of so many bytes is shorter than its beginning (80 bytes of it) says; decoders take what there is.

    One that was recorded live does not say how long it is, and is never cut off. MP4 needs no such look: it cannot be
    decoded without its end, or decoders find what is missing.
    """
    if not begin.startswith(_MATROSKA):
        return False
    header, at = _length(begin, len(_MATROSKA))
    if header is None or begin[at + header : at + header + len(_SEGMENT)] != _SEGMENT:
        return False
    segment, at = _length(begin, at + header + len(_SEGMENT))
    return segment is not None and at + segment > size


def _length(data: bytes, at: int) -> tuple[int | None, int]:
    """A length of EBML (RFC 8794, 4) and where it ends; None where it is unknown, or not there.

    The zeros before its first one say how many bytes come behind the first; all ones mean that it is unknown.
    """
    width = 9 - data[at].bit_length() if at < len(data) and data[at] else 0
    value = int.from_bytes(data[at : at + width], "big") - (1 << 7 * width) if width else 0
    known = width and at + width <= len(data) and value != (1 << 7 * width) - 1
    return (value if known else None), at + width
