#!/usr/bin/env bash
# What OpenEXR's own Python package (OpenEXR 3.5.3, numpy 2) writes of arrays that are views, seen 2026-11-29:
#
#   Renders are tensors of (channels, height, width), pictures arrays of (height, width, channels), and EXR wants planes or RGB: so
#   what is handed over is a view, as `{"R": picture[..., 0], …}`, `{"RGB": render.transpose(1, 2, 0)}` or a crop. The package
#   takes the shape and not the strides, and reads memory as it lies: pixels and channels are exchanged, the picture is noise
#   (as far off as two pictures by chance). No error, no warning; shape, size and channels of the file are right. Open as
#   AcademySoftwareFoundation/openexr issue 1929.
#
# Expected before it was tried: the pixels, or ValueError as of simplejpeg and imagecodecs. `numpy.ascontiguousarray` first helps.
# Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "OpenEXR==3.5.3" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import numpy
import OpenEXR

file = str(Path(sys.argv[1]) / "render.exr")
render = numpy.random.default_rng(0).random((3, 48, 64), dtype=numpy.float32)  # channels, height, width
picture = numpy.ascontiguousarray(render.transpose(1, 2, 0))
padded = numpy.pad(picture, ((8, 8), (8, 8), (0, 0)))
HEADER = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}


def written(channels):
    """The pixels in the file, (48, 64, 3)."""
    with OpenEXR.File(HEADER, channels) as out:
        out.write(file)
    with OpenEXR.File(file) as back:
        return back.channels()["RGB"].pixels.copy()


cases = {
    "RGB, contiguous": {"RGB": picture},
    "RGB, a view of the render": {"RGB": render.transpose(1, 2, 0)},
    "RGB, a copy of that view": {"RGB": numpy.ascontiguousarray(render.transpose(1, 2, 0))},
    "RGB, a crop": {"RGB": padded[8:-8, 8:-8]},
    "planes of the render": dict(zip("RGB", render)),
    "planes of the picture": {name: picture[..., place] for place, name in enumerate("RGB")},
    "planes of the picture, copied": {name: picture[..., place].copy() for place, name in enumerate("RGB")},
    "planes of column order": {name: numpy.asfortranarray(plane) for name, plane in zip("RGB", render)},
}
right = {}
print(f"OpenEXR {version('OpenEXR')}, numpy {numpy.__version__}")
for name, channels in cases.items():
    off = float(abs(written(channels) - picture).mean())
    right[name] = off == 0
    print(f"  {name:30} mean error {off:.3f}{'' if right[name] else '  (two pictures by chance: 0.333)'}")
views = {"RGB, a view of the render", "RGB, a crop", "planes of the picture", "planes of column order"}
expected = {name: name not in views for name in cases}
sys.exit(right != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
