#!/usr/bin/env bash
# What imagecodecs 2026.3.6 (numpy 2) writes of arrays of the other byte order, and of 32 bits, into JPEG 2000, seen 2026-12-01:
#
#   JPEG 2000 is what digital cinema and archives of renders are in, and imagecodecs the library behind tifffile, by which Python writes it. 16 bits
#   in the order "most significant byte first", numpy's `>u2`, is what many TIFF and PNG files, PGM and FITS hold and readers hand on.
#   1. `jpeg2k_encode`, `htj2k_encode` and `tiff_encode` take such arrays and write the bytes the other way round: of 1 comes 256, and a smooth
#      ramp is noise. The other codecs that have 16 bits, PNG, JPEG XL, JPEG-LS and JPEG XR among them, refuse the array with ValueError.
#   2. `jpeg2k_encode(…, level=0)`, without loss, of uint32, as masks of objects and Cryptomatte's numbers are: right up to 24 bits, and from
#      26 on nearly every pixel is another, by up to half of the range and more. `htj2k_encode` is right.
#   No error, no warning. The same arrays in the machine's own order, and 16 bits, come back to the bit (the controls).
#
# Expected before it was tried: the values, whatever their order in memory, as with numpy's own functions, or an error as in the others.
# `array.astype("=u2")` first. Generated pictures. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "imagecodecs==2026.3.6" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import imagecodecs
import numpy

dice = numpy.random.default_rng(0)
SHAPE = (64, 96, 3)
LOSSLESS = {"jpeg2k": {"level": 0}, "jpegxl": {"lossless": True}, "jpegxr": {"level": 1.0}}


def back(codec, array):
    """What comes back, or the name of the error that refuses it."""
    try:
        file = getattr(imagecodecs, f"{codec}_encode")(array, **LOSSLESS.get(codec, {}))
    except ValueError as error:
        return type(error).__name__
    return getattr(imagecodecs, f"{codec}_decode")(file)


def verdict(codec, array):
    result = back(codec, array)
    if isinstance(result, str):
        return result
    if numpy.array_equal(result, array):
        return "right"
    return "swapped" if numpy.array_equal(result, array.byteswap()) else "other values"


print(f"imagecodecs {imagecodecs.__version__}, numpy {numpy.__version__}")
ramp = numpy.linspace(0, 60000, numpy.prod(SHAPE)).reshape(SHAPE).astype("<u2")
CODECS = ("jpeg2k", "htj2k", "tiff", "png", "jpegxl", "jpegls", "jpegxr")
found = {codec: (verdict(codec, ramp), verdict(codec, ramp.astype(">u2"))) for codec in CODECS}
for codec, (own, other) in found.items():
    print(f"  1. {codec}: in this machine's order {own}, in the other {other}")
one = back("jpeg2k", numpy.ones((8, 8), ">u2")).flat[0]
print(f"     1 as {one}")

masks = {bits: dice.integers(0, 2**bits, SHAPE[:2], dtype=numpy.uint32) for bits in (16, 24, 26, 32)}
wrong = {codec: {bits: round(float((back(codec, mask) != mask).mean()), 2) for bits, mask in masks.items()} for codec in ("jpeg2k", "htj2k")}
off = [int(abs(back("jpeg2k", masks[bits]).astype(numpy.int64) - masks[bits]).max()) for bits in (26, 32)]
print(f"  2. shares of pixels that are others, by bits: {wrong}; at most by {off[0] / 2**26:.2f} and {off[1] / 2**32:.2f} of the range")

swapped = {codec for codec, (_, other) in found.items() if other == "swapped"}
as_seen = swapped == {"jpeg2k", "htj2k", "tiff"} and one == 256
as_seen &= all(other == "ValueError" for codec, (_, other) in found.items() if codec not in swapped)
as_seen &= all(own == "right" for own, _ in found.values())
as_seen &= not any(wrong["htj2k"].values()) and wrong["jpeg2k"][16] == wrong["jpeg2k"][24] == 0
sys.exit(not (as_seen and min(wrong["jpeg2k"][26], wrong["jpeg2k"][32]) > 0.9))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
