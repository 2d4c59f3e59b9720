#!/usr/bin/env bash
# What spandrel 0.4.2 (torch 2.13.0) makes of upscalers whose weights do not tell all of their settings, seen 2026-11-30:
#
#   ComfyUI and others load upscalers by `spandrel.ModelLoader`: it needs the weights only and deduces architecture and settings. What
#   cannot be seen in the shapes is guessed, and no one is told:
#   1. A SwinIR or Swin2SR with windows of 7 is taken for one of the published JPEG models and given pixels from 0 to 255 (`img_range`)
#      instead of 0 to 1. Seven is what both classes have unless told otherwise, and so is a range of 1. A model that was trained
#      so comes out as another, 20 to 24 dB from itself. Windows of 8 are right (the control); with a range of 255 those are not.
#   2. ATD sorts tokens into groups and lets them attend to each other. Groups are taken to have 256, as in its large model; trainers
#      make the light one with 128 (`category_size`). So each light model looks at other pixels than it learnt with: 65 dB from itself
#      with weights as they are drawn, 31 with twice those, and further the more attention has learnt.
#   Scale, channels and tags of the descriptor are right, the picture looks like one. No error, no warning, and no way to say it better
#   than to write to the module: `descriptor.model.img_range = 1.0`, which gives the same to the last bit.
#
# Expected before it was tried: the model that was saved, or UnsupportedModelError. Tiny random weights of spandrel's own classes.
# torchvision, of which it takes one function for LaMa, is a mock. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy<3" "einops==0.8.*" safetensors
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "spandrel==0.4.2"

cat > "$folder/probe.py" <<'PYTHON'
import inspect
import sys
import warnings
from importlib.metadata import version
from unittest.mock import MagicMock

warnings.simplefilter("ignore")
for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = MagicMock()
import torch
from spandrel import ModelLoader
from spandrel.architectures.ATD import ATD
from spandrel.architectures.Swin2SR import Swin2SR
from spandrel.architectures.SwinIR import SwinIR

torch.set_num_threads(1)
picture = torch.rand(1, 3, 14, 14, generator=torch.Generator().manual_seed(0))
picture = torch.nn.functional.interpolate(picture, size=56, mode="bicubic").clamp(0, 1)
SMALL = {
    "img_size": 56,
    "depths": [2, 2],
    "num_heads": [2, 2],
    "embed_dim": 24,
    "upscale": 2,
    "upsampler": "pixelshuffle",
}
LIGHT = {**SMALL, "window_size": 8, "num_tokens": 16, "reducted_dim": 4, "upsampler": "pixelshuffledirect"}


def defaults(kind):
    known = inspect.signature(kind.__wrapped__ if hasattr(kind, "__wrapped__") else kind.__init__).parameters
    return {name: known[name].default for name in ("window_size", "img_range", "category_size") if name in known}


@torch.inference_mode()
def loaded(kind, write_back=(), spread=1, **settings):
    """Decibels between a model and itself, saved and loaded; None where it is the same to the last bit."""
    torch.manual_seed(0)
    model = kind(**settings).eval()
    for weight in model.parameters():
        weight.mul_(spread)
    descriptor = ModelLoader().load_from_state_dict(model.state_dict()).eval()
    assert descriptor.scale == 2
    assert descriptor.input_channels == 3
    for name in write_back:
        setattr(descriptor.model, name, settings[name])
    error = ((descriptor(picture) - model(picture).clamp(0, 1)) ** 2).mean()
    return round(float(-10 * error.log10()), 1) if error else None


print(f"spandrel {version('spandrel')}, torch {torch.__version__}; decibels between a model and itself after loading")
swin = {}
for kind in (SwinIR, Swin2SR):
    swin[kind] = [
        loaded(kind, **SMALL, window_size=window, img_range=most) for window in (7, 8) for most in (1.0, 255.0)
    ]
    mended = loaded(kind, ["img_range"], **SMALL, window_size=7, img_range=1.0)
    print(
        f"  1. {kind.__name__} has {defaults(kind)}; windows of 7 to 1 and to 255, of 8: {swin[kind]}, mended {mended}"
    )
    swin[kind].append(mended)
groups = {size: [loaded(ATD, spread=spread, **LIGHT, category_size=size) for spread in (1, 2)] for size in (128, 256)}
print(f"  2. ATD with groups of, and weights as drawn and of twice that: {groups}")

as_seen = all(
    seven < 40 > eight and (right, control, mended) == (None,) * 3
    for seven, right, control, eight, mended in swin.values()
)
sys.exit(not (as_seen and groups[128][1] < 40 and groups[256] == [None, None]))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
