"""What a file says at its beginning of being a clip, and what a clip may have: for whoever needs no video library."""

from dataclasses import dataclass

#: Of a clip as the farm stores it: Matroska.
CLIP_TYPE = "video/x-matroska"
#: Pixels of one frame: 4096 x 2304, far more than any model renders. It bounds the memory of a decoder.
MOST_FRAME_PIXELS = 4096 * 2304
_MATROSKA = b"\x1a\x45\xdf\xa3"
#: Files of MP4's kind that are pictures, by their brand (ISO/IEC 23008-12, AV1 Image File Format).
_PICTURE_BRANDS = frozenset({b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heif", b"hevc"})


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
