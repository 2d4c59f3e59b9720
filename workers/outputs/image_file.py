"""One picture to the bytes of a file; the same pixels and metadata always give the same bytes."""

import io
from collections.abc import Callable, Mapping

from PIL import Image

from workers.outputs.embedded_metadata import JPEG_EXIF_BYTES, JPEG_XMP_BYTES, EmbeddedMetadata

#: WebP at this quality keeps every bit.
LOSSLESS = 100


def encode_png(image: Image.Image, metadata: EmbeddedMetadata, _quality: int | None) -> bytes:
    """Every bit; level 4 of zlib is nearly as small as 9 and takes a fifth of the time."""
    return _save(image, "PNG", pnginfo=metadata.png_chunks(), compress_level=4)


def encode_webp(image: Image.Image, metadata: EmbeddedMetadata, quality: int | None) -> bytes:
    """Lossy, or at 100 without loss."""
    lossless = quality == LOSSLESS
    return _save(
        image,
        "WEBP",
        quality=quality,
        lossless=lossless,
        exact=lossless,
        method=4,
        exif=metadata.exif(),
        xmp=metadata.xmp(),
    )


def encode_jpeg(image: Image.Image, metadata: EmbeddedMetadata, quality: int | None) -> bytes:
    """Colours at full resolution. What of the metadata does not fit into one segment of a JPEG is left out.

    A source type always fits.
    """
    exif, xmp = metadata.exif(), metadata.xmp()
    if len(xmp) > JPEG_XMP_BYTES:
        xmp = metadata.source_type_xmp() or xmp
    fitting = {"exif": exif} if len(exif) <= JPEG_EXIF_BYTES else {}
    fitting |= {"xmp": xmp} if len(xmp) <= JPEG_XMP_BYTES else {}
    return _save(image, "JPEG", quality=quality, subsampling=0, optimize=True, **fitting)


def encode_avif(image: Image.Image, metadata: EmbeddedMetadata, quality: int | None) -> bytes:
    """Colours at full resolution; one thread, for equal bytes wherever it is encoded."""
    return _save(
        image,
        "AVIF",
        quality=quality,
        subsampling="4:4:4",
        speed=6,
        max_threads=1,
        exif=metadata.exif(),
        xmp=metadata.xmp(),
    )


def _save(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


#: From `output_format` to who writes it.
STILLS: Mapping[str, Callable[[Image.Image, EmbeddedMetadata, int | None], bytes]] = {
    "png": encode_png,
    "webp": encode_webp,
    "jpeg": encode_jpeg,
    "avif": encode_avif,
}
