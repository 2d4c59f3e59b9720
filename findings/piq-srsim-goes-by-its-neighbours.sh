#!/usr/bin/env bash
# How good SR-SIM of piq 0.8.0 (torch 2.13.0) says one picture is, alone and beside others in a batch, seen 2026-11-30:
#
#   SR-SIM weighs the likeness of two pictures by where one looks, its saliency, and is quick, so it is used to judge upscalers and codecs.
#   Maps of saliency are scaled to 0 to 1 by the least and largest value of the whole batch, not of each picture. So what a picture scores
#   goes by who stands beside it: one with a grey patch in it has 0.989 alone, 0.940 beside a plain grey frame, as fades and title
#   cards are, and 0.992 beside a frame that is black but for a dot. Renders of two batches cannot be compared, and a clip in batches
#   has other figures than frame by frame. `reduction="none"` is meant for a score for each. SSIM, FSIM, VSI and MDSI of the same
#   library (the controls) do not look at neighbours. No error, no warning.
#
# Expected before it was tried: a picture's own score. One picture for each call is right. Generated pictures; torchvision, of which piq
# takes networks for other metrics, is an empty module here. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy<3"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "piq==0.8.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version
from types import ModuleType
from unittest.mock import MagicMock

warnings.simplefilter("ignore")
sys.modules["torchvision"] = ModuleType("torchvision")
sys.modules["torchvision.models"] = MagicMock()
import piq
import torch

torch.set_num_threads(1)
dice = torch.Generator().manual_seed(0)
SIZE = (1, 3, 256, 256)
original = torch.nn.functional.interpolate(torch.rand(1, 3, 24, 24, generator=dice), size=256, mode="bicubic").clamp(0, 1)
render = original.clone()
render[..., 100:140, 100:140] = 0.5
dot = torch.zeros(SIZE)
dot[..., 128, 128] = 1.0
NEIGHBOURS = {"noise": torch.rand(SIZE, generator=dice), "grey": torch.full(SIZE, 0.5), "a dot": dot}
METRICS = {"SR-SIM": piq.srsim, "SSIM": piq.ssim, "FSIM": piq.fsim, "VSI": piq.vsi, "MDSI": piq.mdsi}


def score(metric, neighbour=None):
    """The render's own score, alone or with a neighbour that is the same on both sides."""
    beside = [] if neighbour is None else [neighbour]
    scores = METRICS[metric](torch.cat([render, *beside]), torch.cat([original, *beside]), reduction="none")
    return float(scores.flatten()[0])


print(f"piq {version('piq')}, torch {torch.__version__}")
found = {}
for metric in METRICS:
    alone = score(metric)
    beside = {name: score(metric, neighbour) for name, neighbour in NEIGHBOURS.items()}
    text = ", ".join(f"{value:.4f} beside {name}" for name, value in beside.items())
    print(f"  {metric:6} {alone:.4f} alone, {text}")
    found[metric] = {name: round(value - alone, 3) for name, value in beside.items() if abs(value - alone) > 0.001}
expected = {metric: {} for metric in METRICS}
moved = found.pop("SR-SIM")
expected.pop("SR-SIM")
sys.exit(not (found == expected and moved.keys() == {"grey", "a dot"} and moved["grey"] < -0.03 and moved["a dot"] > 0.002))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
