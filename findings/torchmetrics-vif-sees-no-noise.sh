#!/usr/bin/env bash
# What the VIF of torchmetrics 1.9.0 (torch 2.13.0) says of a noisy picture, seen 2026-11-30:
#
#   `VisualInformationFidelity` judges upscalers, codecs and VAEs by how much of the original one can still see. It assumes an eye whose own
#   noise is 2 (`sigma_n_sq`), which is in levels of 0 to 255, and takes the pixels as they come. SSIM, PSNR and LPIPS of the same
#   library are used with 0 to 1, as tensors of pictures are; so given, that eye is blind to noise: VIF of a picture with a fifth of
#   noise is 0.92 (0.11 for the same pixels from 0 to 255), and of one that is blurred 0.37 (0.28). So the order is turned round: a codec
#   or an upscaler that leaves noise wins by far over one that is soft. There is no `data_range`, and the documentation says nothing of a
#   range; its example has numbers about 0. No error, no warning.
#
# Expected before it was tried: the value of 0 to 255, or a range that is asked for, as of PSNR and SSIM. Multiply by 255 first. Generated
# pictures. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "torchmetrics==1.9.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import torch
import torchmetrics
from torch.nn.functional import avg_pool2d, interpolate
from torchmetrics.image import PeakSignalNoiseRatio, VisualInformationFidelity

dice = torch.Generator().manual_seed(0)


def texture(size):
    return interpolate(torch.rand(1, 3, size, size, generator=dice), size=128, mode="bicubic")


picture = (0.5 * texture(8) + 0.3 * texture(32) + 0.2 * texture(128)).clamp(0, 1)
OTHERS = {
    "itself": picture,
    "noise of 0.05": (picture + 0.05 * torch.randn(picture.shape, generator=dice)).clamp(0, 1),
    "noise of 0.2": (picture + 0.2 * torch.randn(picture.shape, generator=dice)).clamp(0, 1),
    "blurred": avg_pool2d(picture, 5, 1, 2, count_include_pad=False),
}
found = {}
print(f"torchmetrics {torchmetrics.__version__}, torch {torch.__version__}")
for name, other in OTHERS.items():
    psnr = PeakSignalNoiseRatio(data_range=1.0)(other, picture)
    found[name] = tuple(round(float(VisualInformationFidelity()(other * most, picture * most)), 2) for most in (1, 255))
    print(f"  {name}: VIF of 0 to 1 {found[name][0]}, of 0 to 255 {found[name][1]}; PSNR {psnr:.1f}")
expected = {
    "itself": (1.0, 1.0),
    "noise of 0.05": (0.99, 0.39),
    "noise of 0.2": (0.92, 0.11),
    "blurred": (0.37, 0.28),
}
sys.exit(any(abs(value - was) > 0.02 for name in expected for value, was in zip(found[name], expected[name])))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
