#!/usr/bin/env bash
# What diffusers' image processors make of depth, of lists and of tensors (diffusers 0.42.1, pillow 13.0.0, torch 2.13.0), seen 2026-12-01:
#
#   1. LDM3D renders a picture and its depth, whose two bytes are two of six channels. `VaeImageProcessorLDM3D().postprocess(…, output_type="np")`,
#      and so its pipeline (one of the deprecated ones), makes whole numbers of channels that are between 0 and 1 before it puts the
#      bytes together: the depth map is 0 everywhere. ("pil" raises ValueError.)
#   2. `VaeImageProcessor().preprocess([a, b])`, as image to image takes the pictures of several prompts: all are brought to the size of the first.
#      An upright picture beside a wide one is stretched to four times its width against its height; alone it keeps its proportions.
#   3. A picture as array or tensor is resized by the nearest pixel, whatever `resample` of the processor says ("lanczos"). Lines of one pixel at a
#      quarter of their size are one plain colour, black or white by where they begin, and grey as a picture of PIL's.
#   No error, no warning.
#
# Expected before it was tried: depth; an error for sizes that differ, as tensors of them give; one filter for one picture. Depth by hand from
# `output_type="pt"` of a VaeImageProcessor; one picture a call, at its size, helps 2 and 3. Generated pictures. Install, CPU only; exits with 1 if
# any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "pillow==13.0.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import numpy
import torch
from diffusers.image_processor import VaeImageProcessor, VaeImageProcessorLDM3D
from PIL import Image

warnings.simplefilter("ignore")
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
decoded = torch.rand(1, 6, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
levels = ((decoded[0, 4:] + 1) * 127.5).round()
wanted = levels[0] * 256 + levels[1]
picture, depth = VaeImageProcessorLDM3D().postprocess(decoded, output_type="np")
print(f"  1. depth of {int(wanted.min())} to {int(wanted.max())}: {depth.min()} to {depth.max()}; the picture {picture.mean():.2f}")

processor = VaeImageProcessor()
wide, upright = Image.new("RGB", (128, 64)), Image.new("RGB", (64, 128))
upright.paste((255, 255, 255), (16, 48, 48, 80))  # a square


def square(pictures):
    """Width and height of the white square in the last of them."""
    white = processor.preprocess(pictures)[-1, 0] > 0
    return int(white.any(0).sum()), int(white.any(1).sum())


alone, beside, before = square([upright]), square([wide, upright]), square([upright, upright])
print(f"  2. a square of 32 by 32 alone: {alone}, beside a wide picture: {beside}")

lines = numpy.zeros((64, 64, 3), numpy.uint8)
lines[:, ::2] = 255
shades = {}
for begin, pixels in (("white first", lines), ("black first", lines[:, ::-1].copy())):
    floats = pixels.astype(numpy.float32) / 255
    forms = {"PIL": Image.fromarray(pixels), "array": floats[None], "tensor": torch.from_numpy(floats).permute(2, 0, 1)[None]}
    for form, value in forms.items():
        shades[begin, form] = round(float(processor.preprocess(value, height=16, width=16)[..., 4:-4].mean() / 2 + 0.5), 2)
print(f"  3. lines of one pixel at a quarter of their size: {shades}")

as_seen = not depth.any() and wanted.max() > 60000 and 0.4 < picture.mean() < 0.6
as_seen &= alone == before == (32, 32) and beside == (64, 16)
as_seen &= all(shades[begin, "PIL"] in (0.49, 0.5, 0.51) for begin in ("white first", "black first"))
sys.exit(not (as_seen and all({shades["white first", form], shades["black first", form]} == {0, 1} for form in ("array", "tensor"))))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
