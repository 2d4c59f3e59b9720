#!/usr/bin/env bash
# What img2dataset 1.47.0 (opencv-python-headless 4.14.0.94) puts into a data set of photographs and renders, seen 2026-11-30:
#
#   It fetches pictures for training sets and fits each to one size; all of them go through its `Resizer`, which reads by OpenCV's
#   IMREAD_UNCHANGED.
#   1. So the orientation in EXIF is not heeded, and writing drops it: a photograph that a telephone held upright lies on its side for
#      good, beside a caption of the upright one, and is cropped as it lies.
#   2. PNGs of 16 bits, as renders, depth maps and scans are, keep their values up to the encoder, and JPEG (the format it writes unless told
#      otherwise) and WebP have 8 bits: all from level 256 of 65535 is 255. A grey ramp is white but for its first hundredth. With alpha so
#      is PNG, since alpha is divided by 255 whatever it goes up to.
#   Palettes, grey with alpha, CMYK and GIF come out right (the controls), and pictures of 16 bits without alpha as PNG. No error, no
#   warning: each counts as a success, with its size, in the statistics.
#
# Expected before it was tried: what a viewer shows, as with Pillow's `exif_transpose`, and 16 bits brought down to 8. Generated pictures;
# the package's own module, without what it needs for fetching. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "opencv-python-headless==4.14.0.94" "albumentations==1.4.24" "pillow==13.0.0" "numpy<3"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "img2dataset==1.47.0"

cat > "$folder/probe.py" <<'PYTHON'
import io
import sys
import warnings
from importlib.metadata import distribution, version
from types import ModuleType

warnings.simplefilter("ignore")
package = ModuleType("img2dataset")
package.__path__ = [str(distribution("img2dataset").locate_file("img2dataset"))]
sys.modules["img2dataset"] = package
import cv2
import numpy
from img2dataset.resizer import Resizer
from PIL import Image, ImageOps

WIDTH, HEIGHT = 96, 64


def in_data_set(data, encode_format="jpg", resize_mode="border", size=WIDTH):
    """The picture that is stored for the bytes that were fetched."""
    quality = 6 if encode_format == "png" else 95
    resizer = Resizer(size, resize_mode, False, encode_format=encode_format, encode_quality=quality)
    stored, *_, error = resizer(io.BytesIO(data))
    assert error is None
    return Image.open(io.BytesIO(stored))


def file(picture, kind="PNG", **settings):
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return stream.getvalue()


print(f"img2dataset {version('img2dataset')}, OpenCV {cv2.__version__}")
ramp = numpy.tile(numpy.linspace(0, 65535, WIDTH), (HEIGHT, 1))
grey = Image.fromarray((ramp / 257).astype(numpy.uint8))
upright = Image.Exif()
upright[0x0112] = 6
photograph = file(grey.convert("RGB"), "JPEG", exif=upright, quality=95)
seen = ImageOps.exif_transpose(Image.open(io.BytesIO(photograph)))
sizes = {}
for encode_format in ("jpg", "png", "webp"):
    stored = in_data_set(photograph, encode_format, "no")
    sizes[encode_format] = (stored.size, stored.getexif().get(0x0112))
print(f"  1. a viewer shows {seen.size}; in the data set, with orientation: {sizes}")

deep = numpy.dstack([ramp, ramp / 2, ramp / 4]).astype(numpy.uint16)
files = {
    "grey": cv2.imencode(".png", deep[..., 0])[1].tobytes(),
    "colours": cv2.imencode(".png", deep)[1].tobytes(),
    "alpha": cv2.imencode(".png", numpy.dstack([deep, numpy.full_like(deep[..., :1], 65535)]))[1].tobytes(),
}
white = {}
for name, data in files.items():
    for encode_format in ("jpg", "webp", "png"):
        levels = numpy.asarray(in_data_set(data, encode_format, "no").convert("RGB"))
        white[name, encode_format] = round(float((levels > 250).mean()), 2)
del white["grey", "png"]  # kept in 16 bits, which Pillow's convert cuts off itself
print(f"  2. share of white of pictures in 16 bits {white}")
print(f"     of the same in 8 bits {(numpy.asarray(grey) > 250).mean():.2f}")

transparent = grey.convert("RGBA")
transparent.putalpha(Image.fromarray(numpy.repeat(numpy.uint8([[255] * 48 + [0] * 48]), HEIGHT, axis=0)))
others = {
    "palette": (grey.convert("RGB").quantize(64), "PNG"),
    "grey with alpha": (transparent.convert("LA"), "PNG"),
    "colours with alpha": (transparent, "PNG"),
    "CMYK": (grey.convert("CMYK"), "JPEG"),
    "GIF": (grey.convert("RGB"), "GIF"),
}
worst = {}
for name, (picture, kind) in others.items():
    expected = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA")).convert("RGB")
    stored = in_data_set(file(picture, kind), "png", "no").convert("RGB")
    worst[name] = int(abs(numpy.asarray(stored, int) - numpy.asarray(expected, int)).max())
print(f"  controls, levels of 255 off: {worst}")

as_seen = seen.size == (HEIGHT, WIDTH) and set(sizes.values()) == {((WIDTH, HEIGHT), None)}
kept = white.pop(("colours", "png"))
sys.exit(not (as_seen and min(white.values()) > 0.9 and kept < 0.05 and max(worst.values()) < 8))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
