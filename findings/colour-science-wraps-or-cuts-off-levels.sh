#!/usr/bin/env bash
# What colour-science 0.4.7 writes of pixels in floating point into a PNG or TIFF of 8 or 16 bits, seen 2026-11-30:
#
#   `colour.write_image(image, path, bit_depth="uint8")` is how colour work in Python saves what was computed between 0 and 1. It writes
#   by OpenImageIO (3.2.2.0) where that is installed, else by imageio (2.38.1), and the pixels are others:
#   1. OpenImageIO: levels are cut off, not rounded. 254.9 of 255 is 254, every picture is half a level too dark, and a grey of 0.5 is
#      127 where the library's own `convert_bit_depth` documents 128. OpenImageIO itself, given the floats, rounds.
#   2. imageio: levels are rounded, and not held within 0 and 255. A white of 1.01 is a black of 2, a black of -0.01 a white of 253:
#      sharpening, upscaling by bicubic or Lanczos, and decoders of diffusion models overshoot so, at the edges of highlights.
#   Twice read and written the levels stay, so whoever tries that sees nothing. No error, no warning.
#
# Expected before it was tried: the nearest level, within the range, by either. `numpy.clip` and rounding first help. Install, no
# torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "colour-science==0.4.7" "OpenImageIO==3.2.2.0" "imageio==2.38.1" \
  "pillow==13.0.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

warnings.simplefilter("ignore")
import colour
import numpy
import OpenImageIO
from PIL import Image

file = str(Path(sys.argv[1]) / "picture.png")
VALUES = (0.5, 254.9 / 255, 1.01, -0.01)


def plane(value):
    return numpy.full((8, 8, 3), value, numpy.float32)


def stored(picture, write):
    write(numpy.ascontiguousarray(picture, numpy.float32))
    return numpy.asarray(Image.open(file)).astype(float)


def by_openimageio_alone(picture):
    out = OpenImageIO.ImageOutput.create(file)
    out.open(file, OpenImageIO.ImageSpec(*picture.shape[1::-1], 3, "uint8"))
    out.write_image(picture)
    out.close()


WAYS = {
    "colour, OpenImageIO": lambda picture: colour.write_image(picture, file, "uint8", method="OpenImageIO"),
    "colour, imageio": lambda picture: colour.write_image(picture, file, "uint8", method="Imageio"),
    "colour's default": lambda picture: colour.write_image(picture, file, "uint8"),
    "OpenImageIO alone": by_openimageio_alone,
}
random = numpy.random.default_rng(0).random((256, 256, 3))
found = {}
print(f"colour-science {version('colour-science')}, OpenImageIO {version('OpenImageIO')}, imageio {version('imageio')}")
for name, write in WAYS.items():
    levels = [int(stored(plane(value), write)[0, 0, 0]) for value in VALUES]
    bias = float((stored(random, write) - random * 255).mean())
    found[name] = levels, round(bias, 1)
    print(f"  {name:20} 127.5, 254.9, 257.6, -2.6 are {levels}; the mean of a picture is off by {bias:+.2f} levels")

greys = numpy.repeat(numpy.arange(256, dtype=numpy.uint8).reshape(16, 16, 1), 3, axis=2)
Image.fromarray(greys).save(file)
for _ in range(2):
    colour.write_image(colour.read_image(file), file, "uint8")
kept = bool((numpy.asarray(Image.open(file)) == greys).all())
print(f"  read and written twice: {'the same levels' if kept else 'other levels'}")
expected = {
    "colour, OpenImageIO": ([127, 254, 255, 0], -0.5),
    "colour, imageio": ([128, 255, 2, 253], 0.0),
    "colour's default": ([127, 254, 255, 0], -0.5),
    "OpenImageIO alone": ([128, 255, 255, 0], 0.0),
}
sys.exit(not (found == expected and kept))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
