#!/usr/bin/env bash
# What the invisible watermark does to fine colours (invisible-watermark 0.2.0, diffusers 0.42.1, opencv 5.0.0.93), seen 2026-12-01:
#
#   diffusers writes it into every picture of SDXL's pipelines where the package is installed (`add_watermarker=None`), and services that have
#   to mark what a model made call `WatermarkEncoder().encode(picture, "dwtDct")` themselves. It takes the colour difference U apart by a
#   wavelet, changes the coarse part a little, which is the mark, and puts it together again with two of the four parts exchanged: what
#   was horizontal detail is vertical and the other way round.
#   So in each block of 2 x 2 pixels blue and yellow are turned by a quarter. Horizontal lines of one pixel, of two colours equally bright,
#   come back as vertical lines of the same two, all of them. Thin coloured text has fringes, up to 180 levels off. Light is left as it was,
#   so grey pictures show nothing, and photographs little. `dwtDctSvd` has the same lines. The message is read all the same.
#   No error, no warning. (rivaGan, the third method, was not run: it needs onnxruntime.)
#
# Expected before it was tried: a change of a few levels everywhere, as the name has it; the same wavelet put together in its own order keeps
# the lines to 6 levels (the control). `add_watermarker=False`, or a mark of another kind. Generated pictures. Install, CPU only; exits with 1
# if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "transformers==5.23.0" "opencv-python-headless==5.0.0.93" "pywavelets==1.9.0" "numpy<3"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "invisible-watermark==0.2.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

import cv2
import diffusers
import numpy
import pywt
import torch
from diffusers.pipelines.stable_diffusion_xl.watermark import StableDiffusionXLWatermarker
from imwatermark import WatermarkDecoder, WatermarkEncoder

HEIGHT, WIDTH = 256, 512
rows, columns = numpy.mgrid[:HEIGHT, :WIDTH]
one, other = numpy.uint8([180, 100, 100]), numpy.uint8([60, 124, 100])  # BGR, equally bright
lines = numpy.where((rows % 2 == 0)[..., None], one, other)
text = numpy.full((HEIGHT, WIDTH, 3), 200, numpy.uint8)
cv2.putText(text, "LATENT FARM", (20, 140), cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 80, 40), 1)


def marked(picture, method):
    encoder = WatermarkEncoder()
    encoder.set_watermark("bytes", b"farm")
    return encoder.encode(picture, method)


def by_diffusers(picture):
    rgb = torch.from_numpy(picture[..., ::-1].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    back = (StableDiffusionXLWatermarker().apply_watermark(rgb) + 1) * 127.5
    return back[0].permute(1, 2, 0).numpy()[..., ::-1]


def in_its_own_order(picture):
    """The wavelet alone, with as much of a change as the mark makes, and the parts where they were."""
    yuv = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV)
    coarse, details = pywt.dwt2(yuv[..., 1], "haar")
    yuv[..., 1] = pywt.idwt2((coarse + 6, details), "haar")
    return cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR)


def steps(picture):
    """From row to row and from column to column, in levels."""
    return tuple(round(float(abs(numpy.diff(picture.astype(float), axis=axis)).mean()), 1) for axis in (0, 1))


print(f"invisible-watermark {version('invisible-watermark')}, diffusers {diffusers.__version__}, opencv {cv2.__version__}")
print(f"  horizontal lines, steps down and across: {steps(lines)}")
turned = {method: marked(lines, method) for method in ("dwtDct", "dwtDctSvd")} | {"SDXL of diffusers": by_diffusers(lines)}
for what, picture in turned.items():
    print(f"  {what}: {steps(picture)}")
kept = in_its_own_order(lines)
print(f"  the wavelet in its own order: {steps(kept)}, at most {abs(kept.astype(int) - lines).max()} levels off")
vertical = marked(numpy.where((columns % 2 == 0)[..., None], one, other), "dwtDct")
print(f"  vertical lines: {steps(vertical)}")
off = abs(marked(text, "dwtDct").astype(int) - text).max()
read = {method: WatermarkDecoder("bytes", 32).decode(turned[method], method) for method in ("dwtDct", "dwtDctSvd")}
grey = numpy.repeat(lines[..., :1], 3, axis=-1)
grey_steps = steps(marked(grey, "dwtDct"))
print(f"  thin text: up to {off} levels off; grey lines {steps(grey)}: {grey_steps}; read again: {read}")

as_seen = all(down < 3 and across > 45 for down, across in map(steps, turned.values()))
as_seen &= steps(vertical)[0] > 45 and steps(vertical)[1] < 3 and off > 150 and set(read.values()) == {b"farm"}
sys.exit(not (as_seen and steps(kept)[0] > 45 and steps(kept)[1] == 0 and abs(kept.astype(int) - lines).max() <= 8 and grey_steps[1] < 1))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
