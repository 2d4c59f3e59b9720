#!/usr/bin/env bash
# What a FRoD adapter does to the model in another dtype (peft 0.21.2, torch 2.13.0), seen 2026-12-01:
#
#   FRoD is one of peft's new adapters, smaller than LoRA. It trains in a basis that is computed from the model's own weights, half of which (V) is
#   saved with it: `save_projection`, on by default, "guarantees that we can reload the adapter on all system configurations".
#   The other half (U) is not saved. At the load it is computed from the weights that are there and from a V that is computed of them, too; then
#   the saved V takes that one's place. In weights that differ by rounding the two V are different bases (signs and order of vectors),
#   and U goes with the wrong one.
#   1. Trained in float32 and loaded into the model in bfloat16 or float16, as one serves it: off by four times what the adapter changes.
#      The model itself is off by 0.004 of its size, and a LoRA by less than 0.01 of its change.
#   2. So it is in float32 with one weight matrix changed by a hundredth of a percent (a LoRA merged before, a later checkpoint): twice.
#   3. PSOFT, of the same kind and without anything saved: off by 0.4 of its change in bfloat16, and right in float16.
#   No error, no warning. Into the very same bits both load right.
#
# Expected before it was tried: a model that is rounded, and an adapter that does what it did. Load it into the weights that it was trained on, merge it
# there and cast then. Layers of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "peft==0.21.2" "transformers==5.23.0" "accelerate==1.15.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import torch
from peft import FrodConfig, LoraConfig, PeftModel, PsoftConfig, get_peft_model

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
SIZE, LAYERS = 32, 3


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(SIZE, SIZE) for _ in range(LAYERS))

    def forward(self, states):
        for layer in self.layers:
            states = torch.tanh(layer(states)) + states
        return states


def new_model(dtype=torch.float32, moved=1.0):
    torch.manual_seed(0)
    model = Model().to(dtype).eval()
    with torch.no_grad():
        model.layers[0].weight.mul_(moved)
    return model


dice = torch.Generator().manual_seed(1)
states = torch.randn(4, SIZE, generator=dice)


@torch.no_grad()
def run(model):
    return model.eval()(states.to(next(model.parameters()).dtype)).float()


def trained(config):
    """Saves an adapter of this kind, and returns what the model gives out with it."""
    model = get_peft_model(new_model(), config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=dice) * 0.2)
    model.save_pretrained(folder / type(config).__name__)
    return run(model)


KINDS = {"FRoD": FrodConfig(target_modules=r"layers\.\d+", progressbar=False), "PSOFT": PsoftConfig(target_modules=r"layers\.\d+", r=8)}
KINDS["LoRA"] = LoraConfig(target_modules=r"layers\.\d+", r=4)
ONTO = {"the same": {}, "bfloat16": {"dtype": torch.bfloat16}, "float16": {"dtype": torch.float16}, "0.01 % off": {"moved": 1.0001}}
print(f"peft {version('peft')}, torch {torch.__version__}; how far off it is, in shares of what the adapter changes")
plain = run(new_model())
found = {}
for name, config in KINDS.items():
    wanted = trained(config)
    change = (wanted - plain).norm()
    for onto, settings in ONTO.items():
        seen = run(PeftModel.from_pretrained(new_model(**settings), folder / type(config).__name__))
        found[name, onto] = round(((seen - wanted).norm() / change).item(), 4)
    print(f"  {name}: {({onto: found[name, onto] for onto in ONTO})}")
rounded = {onto: round(((run(new_model(**settings)) - plain).norm() / plain.norm()).item(), 4) for onto, settings in ONTO.items()}
print(f"  the model alone, in shares of itself: {rounded}")

as_seen = all(found["FRoD", onto] > 1 for onto in ONTO if onto != "the same") and all(found[name, "the same"] < 1e-5 for name in KINDS)
as_seen &= found["PSOFT", "bfloat16"] > 0.2 and found["PSOFT", "float16"] < 0.05 and max(rounded.values()) < 0.01
sys.exit(not (as_seen and all(found["LoRA", onto] < 0.05 for onto in ONTO)))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
