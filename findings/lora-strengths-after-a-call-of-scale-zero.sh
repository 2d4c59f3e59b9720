#!/usr/bin/env bash
# How strong LoRAs are after one render that was to have none (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   `set_adapters(["style", "light"], [0.3, 0.6])` says how strong each LoRA is, and a call's `attention_kwargs={"scale": …}`
#   (`cross_attention_kwargs`, `joint_attention_kwargs`) multiplies that for this one call, 0 for the picture without them. After
#   a call with 0 all of them are at 1.0, in every later call, until someone sets them anew: the first row of a grid over scale
#   0, 0.5, 1 is right, and all pictures after it are of other LoRAs; on a server it is the next customer's. 0.5, or 0.000001,
#   leave the strengths as they were. It divides by the scale afterwards, and where that cannot be, writes 1.0.
#   No error, no warning.
#
# Expected before it was tried: 0.3 and 0.6 after the call. `disable_lora()` and `enable_lora()` around it keep them (below).
# Tiny models of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import peft
import torch
from diffusers import UNet2DConditionModel, WanTransformer3DModel
from peft import LoraConfig

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
NAMES, STRENGTHS = ["style", "light"], [0.3, 0.6]
dice = torch.Generator().manual_seed(1)
text = torch.randn(1, 3, 16, generator=dice)
picture, clip = torch.randn(1, 4, 8, 8, generator=dice), torch.randn(1, 4, 1, 8, 8, generator=dice)


def unet():
    made = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=16, attention_head_dim=4,
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    return made, "cross_attention_kwargs", lambda **options: made(picture, 500, text, **options)[0]


def wan():
    made = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
        freq_dim=16, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
    )
    return made, "attention_kwargs", lambda **options: made(clip, torch.tensor([500.0]), text, **options)[0]


def new(kind):
    """A model with two LoRAs, the name of its argument, and what renders with it."""
    torch.manual_seed(0)
    model, argument, call = kind()
    for name in NAMES:
        config = LoraConfig(r=4, lora_alpha=4, target_modules=["to_q", "to_v"], init_lora_weights=False)
        model.add_adapter(config, adapter_name=name)
    model.eval().set_adapters(NAMES, STRENGTHS)
    return model, argument, call


@torch.no_grad()
def after(kind, *scales):
    model, argument, call = new(kind)
    for scale in scales:
        call(**{argument: {"scale": scale}})
    return call()


@torch.no_grad()
def of_strengths(kind, strengths):
    model, _, call = new(kind)
    model.set_adapters(NAMES, strengths)
    return call()


@torch.no_grad()
def after_switching_off(kind):
    model, _, call = new(kind)
    model.disable_lora()
    call()
    model.enable_lora()
    return call()


print(f"diffusers {diffusers.__version__}, peft {peft.__version__}, torch {torch.__version__}")
as_seen = True
for kind in (unet, wan):
    asked, full = of_strengths(kind, STRENGTHS), of_strengths(kind, [1.0, 1.0])
    found = {
        "after scale 0.5": after(kind, 0.5), "after scale 0.000001": after(kind, 1e-6), "after scale 0": after(kind, 0.0),
        "switched off and on": after_switching_off(kind),
    }
    said = {
        what: "as asked" if torch.allclose(seen, asked, atol=1e-5) else "as 1.0, 1.0" if torch.equal(seen, full) else "other"
        for what, seen in found.items()
    }
    print(f"  {kind.__name__}, strengths {STRENGTHS}:", said)
    as_seen &= not torch.allclose(asked, full, atol=1e-2)
    as_seen &= said == {**dict.fromkeys(said, "as asked"), "after scale 0": "as 1.0, 1.0"}
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
