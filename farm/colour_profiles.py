"""The colours of a picture as its own profile means them, in sRGB: what models were trained on, and what is stored."""

import io

from PIL import Image, ImageCms

#: From what a profile describes to the mode of a picture that it can be applied to.
_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """An RGB picture without alpha; `profile`: the ICC profile that came with it, if any.

    Where there is none, or one that is broken or of another kind of picture, its numbers are taken for sRGB, as viewers
    do it.
    """
    converted = _by_profile(picture, profile) if profile else None
    return converted or picture.convert("RGB")


def _by_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    try:
        read = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES.get(read.profile.xcolor_space)
        if mode is None or (picture.mode == "CMYK") != (mode == "CMYK"):
            return None
        return ImageCms.profileToProfile(
            picture.convert(mode),
            read,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
