#!/usr/bin/env bash
# How different FLIP says two renders are (NVIDIA's flip-evaluator 1.7, numpy 2), as RGB, with alpha and in 8 bits, seen 2026-12-01:
#
#   `flip_evaluator.evaluate(reference, test, "LDR")` is how renderers and denoisers are judged, and how pictures of a farm are compared with
#   those of the version before. It takes arrays of (height, width, channels), between 0 and 1.
#   1. Four channels are accepted, as PNG and EXR of renders have them. Nobody looks at their number: the memory is read as RGB, three numbers a
#      pixel, so red is alpha in some columns and green in others, and there are enough numbers after three quarters of the picture. Two
#      renders whose lower quarter differs, the one black there, have an error of 0.0. Where the upper quarter is black it is 0.18 for 0.25.
#      One picture as RGB and as RGBA, alpha 1 throughout, differs from itself by more than two unrelated ones may: 0.54.
#   2. Arrays of uint8 are accepted as well, made float and not divided. All that is above black is white, so any two such pictures without
#      black have an error of 0.0: inverted, or noise in place of the picture.
#   No error, no warning. Files by their paths (alpha is dropped), float64, float16 and views are right.
#
# Expected before it was tried: an error for other than three channels, as there is one for other sizes and dimensions, and one for integers
# or a division by 255. Hand over `array[..., :3] / 255`. Generated pictures. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "flip-evaluator==1.7" "pillow==13.0.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import flip_evaluator
import numpy
from PIL import Image

folder = Path(sys.argv[1])
HEIGHT, WIDTH = 64, 96
dice = numpy.random.default_rng(0)
render = (dice.random((HEIGHT, WIDTH, 3)) * 0.5 + 0.25).astype(numpy.float32)


def error(reference, test):
    return round(float(flip_evaluator.evaluate(reference, test, "LDR")[1]), 2)


def black(rows):
    changed = render.copy()
    changed[rows] = 0
    return changed


def with_alpha(picture):
    return numpy.dstack([picture, numpy.ones((HEIGHT, WIDTH, 1), numpy.float32)])


def levels(picture):
    return (picture * 255).round().astype(numpy.uint8)


def by_file(reference, test):
    for name, picture in (("reference", reference), ("test", test)):
        Image.fromarray(levels(picture)).save(folder / f"{name}.png")
    return error(str(folder / "reference.png"), str(folder / "test.png"))


print(f"flip-evaluator {version('flip-evaluator')}, numpy {numpy.__version__}")
lower, upper = black(slice(3 * HEIGHT // 4, None)), black(slice(HEIGHT // 4))
found = {}
for what, changed in {"lower quarter black": lower, "upper quarter black": upper}.items():
    found[what] = [
        error(render, changed),
        error(with_alpha(render), with_alpha(changed)),
        by_file(with_alpha(render), with_alpha(changed)),
    ]
    print(f"  1. {what}: as RGB {found[what][0]}, as RGBA {found[what][1]}, as RGBA in files {found[what][2]}")
itself = error(render, with_alpha(render))
print(f"     a picture and itself with alpha: {itself}")

eight = {"inverted": 1 - render, "other noise": (dice.random(render.shape) * 0.5 + 0.25).astype(numpy.float32)}
for what, other in eight.items():
    eight[what] = (error(render, other), error(levels(render), levels(other)))
    print(f"  2. {what}: as floats {eight[what][0]}, as uint8 {eight[what][1]}")

view = numpy.ascontiguousarray(render.transpose(2, 0, 1)).transpose(1, 2, 0)
controls = [error(view, upper), error(render.astype(numpy.float64), upper.astype(numpy.float64))]
as_seen = found["lower quarter black"][1] == 0 and found["upper quarter black"][1] < 0.2 and itself > 0.5
as_seen &= all(abs(rgb - 0.25) < 0.01 and abs(files - 0.25) < 0.01 for rgb, _, files in found.values())
as_seen &= all(floats > 0.15 and integers == 0 for floats, integers in eight.values())
sys.exit(not (as_seen and all(abs(value - 0.25) < 0.01 for value in controls)))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
