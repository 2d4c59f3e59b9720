"""Pictures that people send: decoded and looked at, so that what is stored is a picture and nothing else.

What comes out is upright sRGB without metadata: the orientation that a camera noted and the picture's colour profile
are applied, transparency lies on white, and where the picture was taken stays with whoever took it.
"""

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from farm.colour_profiles import to_srgb
from farm.errors import Fault, InvalidRequest, TooLarge

#: JPEG reads MPO too: a photograph with further pictures behind it (a preview, brightness for HDR).
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF")
CONTENT_TYPE = "image/png"
#: Pixels of the longer side of a thumbnail.
_SIDE = 512
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class CleanPicture:
    """A picture as PNG; width and height in pixels. The same pixels give the same bytes."""

    data: bytes
    width: int
    height: int


def clean_picture(data: bytes, *, most_bytes: int, most_pixels: int) -> CleanPicture:
    """What was sent, as it will be stored.

    Raises:
        TooLarge: more than `most_bytes`.
        InvalidRequest: no PNG, JPEG, WebP or AVIF, broken, animated, or more than `most_pixels`.
    """
    if len(data) > most_bytes:
        raise TooLarge(f"the picture has {len(data):,} bytes and this farm accepts {most_bytes:,}; send a smaller one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is looked at here
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check(picture, most_pixels)
                picture.load()
                ImageOps.exif_transpose(picture, in_place=True)  # a copy would take as much memory again
                upright = _flat(picture)
    except InvalidRequest:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise _refused(
            "is no picture that is taken here; send PNG, JPEG, WebP or AVIF (a clip: MP4 or WebM; a LoRA: its"
            " .safetensors file)"
        ) from error
    # What Pillow raises for broken files; its reader of AVIF nothing but RuntimeError.
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise _refused("is broken; save it again and send that") from error
    upright.info.clear()  # or Pillow would store the profile that was applied
    buffer = io.BytesIO()
    upright.save(buffer, "PNG", compress_level=4)
    return CleanPicture(buffer.getvalue(), upright.width, upright.height)


def thumbnail_of(stored: bytes) -> bytes:
    """WebP of a picture as it is stored, small enough for a list. Raises OSError for what is no picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size was looked at when it was stored
        with Image.open(io.BytesIO(stored), formats=("PNG",)) as picture:
            return small_webp(picture)


def small_webp(picture: Image.Image) -> bytes:
    """A picture as lists show it; it is made small in place."""
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=80)
    return buffer.getvalue()


def _check(picture: Image.Image, most_pixels: int) -> None:
    """From the header alone, before anything is decoded."""
    if picture.width * picture.height > most_pixels:
        seen = f"{picture.width}x{picture.height}"
        raise _refused(f"has {seen} pixels and this farm takes {most_pixels:,} in all; send a smaller one")
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise _refused("is animated; send one frame of it")


def _flat(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I;16") or picture.mode == "I":  # 16 bits a pixel: Pillow would cut them off at 255
        picture = picture.convert("I").point([value / 257 for value in range(65536)], "L")
    colours = to_srgb(picture, profile)
    if not picture.has_transparency_data:
        return colours
    flat = Image.new("RGB", picture.size, _WHITE)
    flat.paste(colours, mask=picture.convert("RGBA").getchannel("A"))
    return flat


def _refused(rule: str) -> InvalidRequest:
    return InvalidRequest([Fault("", f"the picture {rule}")])
