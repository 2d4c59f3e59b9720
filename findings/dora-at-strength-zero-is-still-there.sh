#!/usr/bin/env bash
# What a DoRA does at strength 0 (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   DoRA is a LoRA with a magnitude for each output, by which the layer's weights are scaled once the LoRA is added. A strength, as
#   `set_adapters(["style"], [0.0])` or a call's `attention_kwargs={"scale": 0}` set it, multiplies the LoRA and not the magnitude.
#   So 0 is not the model without it: each layer's outputs are still scaled to what was trained, and the picture is another one
#   than without adapter. The first column of a grid of strengths 0, 0.5, 1 is no control, a fade to 0 never ends, and two DoRAs
#   of which one is at 0 are both seen. In between it is no share of the way from 0 to 1 either. `disable_lora()`, or a set
#   of adapters without it, is the model without it, to the bit. A LoRA (the control) at 0 is so, too. No error, no warning.
#
# Expected before it was tried: at 0 the model without adapter. Leave adapters of strength 0 out. A tiny model of random weights;
# its magnitudes are half as large again as the norms, to be seen. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" \
  "transformers==5.23.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import peft
import torch
from diffusers import WanTransformer3DModel
from peft import LoraConfig

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
found = {}


def made():
    torch.manual_seed(0)
    return WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16, freq_dim=32, ffn_dim=32,
        num_layers=2, rope_max_seq_len=32,
    ).eval()


def output(model, **more):
    own = torch.Generator().manual_seed(1)
    latents, words = torch.randn(1, 4, 1, 8, 8, generator=own), torch.randn(1, 5, 16, generator=own)
    return model(latents, torch.tensor([500]), words, return_dict=False, **more)[0]


base = output(made())
for kind in ("LoRA", "DoRA"):
    model = made()
    torch.manual_seed(5)
    config = LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_k", "to_v"], use_dora=kind == "DoRA", init_lora_weights=False)
    model.add_adapter(config, adapter_name="style")
    for name, weight in model.named_parameters():
        if "magnitude" in name:
            weight *= 1.5
    whole = float((output(model) - base).abs().max())
    model.set_adapters(["style"], [0.0])
    left = float((output(model) - base).abs().max())
    print(f"  {kind}: changes {whole:.3f} at 1, {left:.3f} at 0")
    found[f"{kind} at 0"] = "nothing" if left == 0 else "a tenth of it or more" if left > whole / 10 else "a little"
    model.set_adapters(["style"], [1.0])
    left = float((output(model, attention_kwargs={"scale": 0.0}) - base).abs().max())
    found[f"{kind} at scale 0 of the call"] = "nothing" if left == 0 else "something"
    model.disable_lora()
    found[f"{kind}, disabled"] = "nothing" if torch.equal(output(model), base) else "something"

expected = {
    "LoRA at 0": "nothing",
    "LoRA at scale 0 of the call": "nothing",
    "LoRA, disabled": "nothing",
    "DoRA at 0": "a tenth of it or more",
    "DoRA at scale 0 of the call": "something",
    "DoRA, disabled": "nothing",
}
print(f"diffusers {diffusers.__version__}, peft {peft.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:30} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
