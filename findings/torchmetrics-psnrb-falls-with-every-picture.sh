#!/usr/bin/env bash
# What the PSNR with blocking effect of torchmetrics 1.9.0 (torch 2.13.0) says of the same picture, once and several times, seen
# 2026-11-29:
#
#   `PeakSignalNoiseRatioWithBlockedEffect` (PSNR-B) takes PSNR's error and adds a factor for edges that stand on the grid of 8 x 8
#   pixels: what JPEG, a codec or a VAE with patches leaves in a render. The error is divided by the number of pixels seen, the
#   factor is not: it is summed over pictures, in a batch and over updates. So a set of 100 copies of one blocky picture is 18 dB
#   worse than the one: the score says how many pictures there are, and a set of 1,000 compares with no set of 500. Without
#   blocks, and with plain PSNR (the controls), the number makes no difference.
#
# Expected before it was tried: the same value for a picture and for copies of it. Way round: one object for each picture, and the
# mean. No error, no warning. Generated pictures. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "torchmetrics==1.9.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from functools import partial

import torch
import torchmetrics
from torch.nn.functional import avg_pool2d, interpolate
from torchmetrics.image import PeakSignalNoiseRatio, PeakSignalNoiseRatioWithBlockedEffect

dice = torch.Generator().manual_seed(0)
smooth = interpolate(torch.rand(1, 1, 12, 12, generator=dice), size=128, mode="bicubic").clamp(0, 1)
blocky = interpolate(avg_pool2d(smooth, 8), scale_factor=8, mode="nearest")
noisy = (smooth + 0.05 * torch.randn(smooth.shape, generator=dice)).clamp(0, 1)
METRICS = {
    "PSNR-B": partial(PeakSignalNoiseRatioWithBlockedEffect, data_range=1.0),
    "PSNR": partial(PeakSignalNoiseRatio, data_range=1.0),
}


def score(metric, batches):
    """The value of pairs of render and original, given batch by batch."""
    judge = METRICS[metric]()
    for renders in batches:
        judge.update(renders, smooth.expand_as(renders))
    return float(judge.compute())


def copies(picture, count):
    return picture.expand(count, -1, -1, -1)


found = {}
for metric in METRICS:
    for what, picture in (("blocks", blocky), ("noise", noisy)):
        values = [score(metric, [copies(picture, count)]) for count in (1, 10, 100)]
        one_by_one = score(metric, [picture] * 100)
        print(f"  {metric:6} {what:6} of 1, 10, 100 copies: {[round(value, 2) for value in values]}; one by one {one_by_one:.2f}")
        found[metric, what] = max(values + [one_by_one]) - min(values + [one_by_one]) > 0.01
        if (metric, what) == ("PSNR-B", "blocks"):
            found["fall of 100"] = round(values[0] - values[2])

expected = {(metric, what): (metric, what) == ("PSNR-B", "blocks") for metric in METRICS for what in ("blocks", "noise")}
expected |= {"fall of 100": 18}
print(f"torchmetrics {torchmetrics.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    if seen != expected[what]:
        print(f"CHANGED  {what}: {seen}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
