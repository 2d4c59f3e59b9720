#!/usr/bin/env bash
# What a LoRA does that is loaded after another one was switched off (diffusers 0.42.1, peft 0.21.2), seen 2026-11-29:
#
#   add_adapter(…, "one"); disable_lora(); delete_adapters("one"); load_lora_adapter(weights, adapter_name="two")
#
# The output is, to the bit, that of the model without any LoRA, while `active_adapters()` says ['two']. `set_adapter("two")`
# and `set_adapters("two", 1.0)` do not change that; only `enable_lora()` does. Deleting "one" leaves peft's layers in the
# model with their switch off, and the next LoRA moves into them. No error and no warning.
#
# Expected before it was tried: no adapter is left after `delete_adapters`, so the next one loads as into a fresh model, where
# it works at once (the control case). Whoever switches LoRAs off between two pictures and loads another has to say
# `enable_lora()`, or `unload_lora()` in place of `delete_adapters`. A tiny model of random weights. Install, CPU only; exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys

import torch
from diffusers import SanaTransformer2DModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

CONFIG = LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights=False)


def model():
    torch.manual_seed(0)
    return SanaTransformer2DModel(
        in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=8, sample_size=4,
        num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=8,
    ).eval()


torch.manual_seed(1)
asked = {
    "hidden_states": torch.randn(1, 4, 4, 4),
    "encoder_hidden_states": torch.randn(1, 3, 8),
    "timestep": torch.tensor([500.0]),
    "return_dict": False,
}


@torch.no_grad()
def change(transformer):
    return float((transformer(**asked)[0] - plain).abs().max())


with torch.no_grad():
    plain = model()(**asked)[0]
first = model()
first.add_adapter(CONFIG, adapter_name="one")
weights = {f"transformer.{name}": part.clone() for name, part in get_peft_model_state_dict(first, adapter_name="one").items()}
fresh = model()
fresh.load_lora_adapter(dict(weights), adapter_name="two", prefix="transformer")
print(f"loaded into a fresh model: the output changes by {change(fresh):.3f}")

first.disable_lora()
first.delete_adapters("one")
first.load_lora_adapter(dict(weights), adapter_name="two", prefix="transformer")
seen = {"loaded after disable_lora and delete_adapters": change(first)}
active = first.active_adapters()
first.set_adapter("two")
seen["and after set_adapter"] = change(first)
first.set_adapters("two", 1.0)
seen["and after set_adapters"] = change(first)
first.enable_lora()
last = change(first)
for when, by in seen.items():
    print(f"{when}: by {by:.3f} (active: {active})")
print(f"and after enable_lora: by {last:.3f}")
as_seen = change(fresh) > 0.01 and set(seen.values()) == {0.0} and active == ["two"] and abs(last - change(fresh)) < 1e-6
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
