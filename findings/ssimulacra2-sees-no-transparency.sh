#!/usr/bin/env bash
# How good SSIMULACRA 2 in Python (ssimulacra2 0.3.0, Pillow 13.0.0) says transparent pictures and depth maps are, seen 2026-11-30:
#
#   1. `compute_ssimulacra2_with_alpha`, and so the command, is there for pictures with transparency: it blends both with a dark and a
#      light background and takes the worse score. But the files are read by `convert("RGB")`, which drops alpha first, so nothing is ever
#      blended. A cut-out that has lost its transparency or has it turned round scores 100, "mathematically lossless". One that is the
#      same to the eye, with black under its transparent pixels as a premultiplied export leaves it, scores -987: colours that nobody
#      sees decide.
#   2. A grey PNG of 16 bits, as depth maps are, is cut off at level 255 of 65535 by the same step. It is white: any two score 100.
#   3. So do any two pictures with a side of less than 8 pixels: no scale is compared, and no error is no distance.
#   No error, no warning.
#
# Expected before it was tried: what the name says, the depth of the file, and an error for what is too small. The same pictures, blended
# by Pillow with either background, and depth maps in 8 bits are judged right (the controls): the first two below 0, the third 100.
# Generated pictures. Install, no torch; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "ssimulacra2==0.3.0" "pillow==13.0.0" "scipy==1.17.1" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import numpy
from PIL import Image
from ssimulacra2 import compute_ssimulacra2_with_alpha

folder = Path(sys.argv[1])
dice = numpy.random.default_rng(0)
WIDTH, HEIGHT = 192, 160
noise = Image.fromarray((dice.random((24, 24, 3)) * 255).astype(numpy.uint8))
colours = numpy.asarray(noise.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
alpha = numpy.zeros((HEIGHT, WIDTH), numpy.uint8)
alpha[40:120, 40:150] = 255
tidy = numpy.where(alpha[..., None] > 0, colours, 0).astype(numpy.uint8)


def score(original, other):
    """Of two arrays or pictures, by way of PNG files."""
    paths = [folder / "original.png", folder / "other.png"]
    for path, picture in zip(paths, (original, other), strict=True):
        (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path)
    return round(float(compute_ssimulacra2_with_alpha(*paths)), 1)


def blended(array, level):
    return Image.alpha_composite(
        Image.new("RGBA", (WIDTH, HEIGHT), (level,) * 3 + (255,)), Image.fromarray(array)
    ).convert("RGB")


cut_out = numpy.dstack([colours, alpha])
others = {
    "transparency lost": numpy.dstack([colours, numpy.full_like(alpha, 255)]),
    "transparency turned round": numpy.dstack([colours, 255 - alpha]),
    "black under what is transparent": numpy.dstack([tidy, alpha]),
}
print(f"ssimulacra2 {version('ssimulacra2')}, Pillow {version('pillow')}")
found, control = [], []
for name, other in others.items():
    found.append(score(cut_out, other))
    control.append(min(score(blended(cut_out, level), blended(other, level)) for level in (26, 230)))
    print(f"  1. {name}: {found[-1]}; blended first: {control[-1]}")

ramp = numpy.tile(numpy.linspace(2000, 62000, WIDTH), (HEIGHT, 1))
deep, shallow = ramp.astype(numpy.uint16), (ramp / 257).astype(numpy.uint8)
depth = [score(array, array[:, ::-1].copy()) for array in (deep, shallow)]
print(f"  2. a depth map and itself mirrored: {depth[0]} in 16 bits, {depth[1]} in 8")

small = [score(colours[:height, :64], colours[:height, 64:128]) for height in (7, 8)]
print(f"  3. two unlike pictures, 7 and 8 pixels high: {small}")

as_seen = found[:2] == [100, 100] and found[2] < -500 and max(control[:2]) < 0 and control[2] == 100
sys.exit(not (as_seen and depth[0] == 100 and depth[1] < 0 and small[0] == 100 and small[1] < 80))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
