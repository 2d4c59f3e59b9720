#!/usr/bin/env bash
# What OFT does to a convolution (peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   Orthogonal finetuning turns the inputs of a layer, and turns by nothing at its beginning. peft's does so for linear layers and
#   1 x 1 convolutions. For any larger kernel it cuts the input into overlapping patches, turns each and puts them together again:
#   all of them added up, and laid out in another order than they were cut. A single pixel of a 3 x 3 convolution's input arrives
#   nine times, at six places, none of them its own.
#   - A new adapter, not trained at all, is another model: the layer below gives 2.7 times as much (3.8 with 5 x 5), and a small UNet
#     with OFT in its ResNets' convolutions (`conv1`, `conv2`, as peft's example for Stable Diffusion names them) another picture.
#   - `merge_adapter()` and `merge_and_unload()` turn the weights, which is right, and so give another model than was trained: an
#     export, or a farm that merges for speed, renders what no step of the training has seen.
#   BOFT, HRA and LoRA (controls) begin with the model's own output, and merged is as unmerged. No error, no warning.
#
# Expected before it was tried: at its beginning the model as it is, and one output, merged or not. Leave convolutions out of
# `target_modules`, or take BOFT. Random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "peft==0.21.2" "diffusers==0.42.1" \
  "transformers==5.23.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import peft
import torch
from diffusers import UNet2DModel
from peft import BOFTConfig, HRAConfig, LoraConfig, OFTConfig, get_peft_model
from torch import nn

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
found = {}
dice = torch.Generator().manual_seed(1)
PICTURE = torch.randn(1, 8, 16, 16, generator=dice)
KINDS = {
    "OFT": lambda names: OFTConfig(target_modules=names, oft_block_size=4, r=0),
    "BOFT": lambda names: BOFTConfig(target_modules=names, boft_block_size=4),
    "HRA": lambda names: HRAConfig(target_modules=names, r=2),
    "LoRA": lambda names: LoraConfig(target_modules=names, r=2),
}


def as_base(output, base):
    """Whether `output` is that of `base` within rounding, and how many times its size."""
    size = float(output.norm() / base.norm())
    return "the model's own" if torch.allclose(output, base, atol=1e-4 * float(base.abs().max())) else f"another, {size:.1f} times"


def layer(name, make, kind):
    torch.manual_seed(0)
    model = nn.Sequential(make())
    base = model(PICTURE)
    adapted = get_peft_model(model, KINDS[kind](["0"])).eval()
    found[f"{kind} new, {name}"] = as_base(adapted(PICTURE), base)
    adapted.merge_adapter()
    found[f"{kind} new, {name}, merged"] = as_base(adapted(PICTURE), base)


layer("1 x 1", lambda: nn.Conv2d(8, 16, 1), "OFT")
for kind in KINDS:
    layer("3 x 3", lambda: nn.Conv2d(8, 16, 3, padding=1), kind)
layer("5 x 5", lambda: nn.Conv2d(8, 16, 5, padding=2), "OFT")


adapted = get_peft_model(nn.Sequential(nn.Conv2d(8, 16, 3, padding=1)), KINDS["OFT"](["0"])).eval()
rotation = next(module for module in adapted.modules() if type(module).__name__ == "OFTRotationModule")
pixel = torch.zeros(1, 8, 8, 8)
pixel[0, 2, 3, 3] = 1.0
turned = rotation(pixel)  # by nothing yet
found["one pixel at row 3, column 3"] = f"{int(turned.sum())} at {[tuple(place) for place in turned[0, 2].nonzero().tolist()]}"


def trained(make, picture):
    """Whether an OFT that turns is the same merged and not."""
    torch.manual_seed(0)
    adapted = get_peft_model(nn.Sequential(make()), KINDS["OFT"](["0"])).eval()
    for name, weight in adapted.named_parameters():
        if "oft_R" in name:
            weight.copy_(torch.randn(weight.shape, generator=dice) * 0.05)
    before = adapted(picture)
    adapted.merge_adapter()
    return "as unmerged" if torch.allclose(adapted(picture), before, atol=1e-4) else "another"


found["OFT that turns, linear, merged"] = trained(lambda: nn.Linear(16, 16), PICTURE[0])
found["OFT that turns, 1 x 1, merged"] = trained(lambda: nn.Conv2d(8, 16, 1), PICTURE)
found["OFT that turns, 3 x 3, merged"] = trained(lambda: nn.Conv2d(8, 16, 3, padding=1), PICTURE)

for kind in KINDS:
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=16, in_channels=8, out_channels=8, block_out_channels=(16, 32), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    ).eval()
    base = unet(PICTURE, 500).sample
    adapted = get_peft_model(unet, KINDS[kind](["conv1", "conv2"])).eval()
    found[f"{kind} new, UNet"] = as_base(adapted(PICTURE, 500).sample, base).split(",")[0]

own = "the model's own"
expected = {
    "OFT new, 1 x 1": own, "OFT new, 1 x 1, merged": own,
    "OFT new, 3 x 3": "another, 2.7 times", "OFT new, 3 x 3, merged": own,
    **{f"{kind} new, 3 x 3{merged}": own for kind in ("BOFT", "HRA", "LoRA") for merged in ("", ", merged")},
    "OFT new, 5 x 5": "another, 3.8 times", "OFT new, 5 x 5, merged": own,
    "one pixel at row 3, column 3": "9 at [(1, 3), (2, 5), (3, 2), (4, 4), (5, 6), (6, 0)]",
    "OFT that turns, linear, merged": "as unmerged", "OFT that turns, 1 x 1, merged": "as unmerged",
    "OFT that turns, 3 x 3, merged": "another",
    "OFT new, UNet": "another", "BOFT new, UNet": own, "HRA new, UNet": own, "LoRA new, UNet": own,
}
print(f"peft {peft.__version__}, diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:32} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
