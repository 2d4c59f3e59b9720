#!/usr/bin/env bash
# What loading a LoRA does to those that are there already (diffusers 0.42.1, peft 0.21.2), seen 2026-11-29:
#
#   1. `load_lora_weights(…, adapter_name="slot", hotswap=True)` puts other weights into a slot whose strength was set with
#      `set_adapters(["slot"], [0.4])`. The strength is 1.0 again, for this LoRA and for the one after.
#   2. `fuse_lora()` adds a LoRA (a turbo one, say) to the weights. The next `load_lora_weights` takes it out again: what renders
#      is the new LoRA alone, while `fused_loras` goes on naming the old one. With `unload_lora_weights()` between the two it
#      stays in, which reads as if it took more away.
#
# Expected before it was tried: a strength of 0.4 until it is set anew, and the fused LoRA plus the new one. No error; of the
# second a UserWarning of peft says that it unmerges 'the model', of the first nothing does. After each load say
# `set_adapters` with all names and strengths. Tiny models of random weights. Install, CPU only; exits with 1 if any of
# that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import diffusers
import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
LAYERS = [f"blocks.{block}.attn1.to_{part}" for block in (0, 1) for part in "qkv"]
latents, text = torch.randn(1, 4, 2, 4, 4), torch.randn(1, 3, 32)


def new_pipeline():
    torch.manual_seed(0)
    transformer = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=16, in_channels=4, out_channels=4, text_dim=32,
        freq_dim=32, ffn_dim=64, num_layers=2, rope_max_seq_len=32,
    ).eval()
    vae = AutoencoderKLWan(
        base_dim=4, z_dim=4, dim_mult=[1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True)
    return WanPipeline(tokenizer=None, text_encoder=None, vae=vae, transformer=transformer, scheduler=scheduler)


def lora(seed):
    dice = torch.Generator().manual_seed(seed)
    shapes = {"lora_A": (4, 32), "lora_B": (32, 4)}
    return {
        f"transformer.{layer}.{half}.weight": torch.randn(*shape, generator=dice) / 3
        for layer in LAYERS
        for half, shape in shapes.items()
    }


def output(pipeline):
    with torch.no_grad():
        return pipeline.transformer(latents, timestep=torch.tensor([500.0]), encoder_hidden_states=text)[0]


def rendered_with(turbo=0.0, style=0.0, other=0.0):
    """The output with these strengths, each set by name."""
    pipeline, strengths = new_pipeline(), {"turbo": turbo, "style": style, "other": other}
    for seed, name in enumerate(strengths):
        pipeline.load_lora_weights(lora(seed), adapter_name=name)
    pipeline.set_adapters(list(strengths), list(strengths.values()))
    return output(pipeline)


KNOWN = {
    "none": rendered_with(),
    "turbo": rendered_with(turbo=1),
    "style": rendered_with(style=1),
    "style at 0.4": rendered_with(style=0.4),
    "other": rendered_with(other=1),
    "other at 0.4": rendered_with(other=0.4),
    "turbo and style": rendered_with(turbo=1, style=1),
}
found = {}


def note(what, pipeline):
    seen = output(pipeline)
    found[what] = next((name for name, known in KNOWN.items() if torch.allclose(seen, known, atol=1e-5)), "something else")


print(f"diffusers {diffusers.__version__}, peft {version('peft')}, torch {torch.__version__}")
slot = new_pipeline()
slot.load_lora_weights(lora(1), adapter_name="slot")
slot.set_adapters(["slot"], [0.4])
note("style, set to 0.4", slot)
slot.load_lora_weights(lora(2), adapter_name="slot", hotswap=True)
note("other put into its slot", slot)
slot.load_lora_weights(lora(1), adapter_name="slot", hotswap=True)
note("style put back", slot)

fused = new_pipeline()
fused.load_lora_weights(lora(0), adapter_name="turbo")
fused.fuse_lora()
note("turbo fused", fused)
fused.load_lora_weights(lora(1), adapter_name="style")
note("style loaded then", fused)
still_named = sorted(fused.fused_loras)
cleared = new_pipeline()
cleared.load_lora_weights(lora(0), adapter_name="turbo")
cleared.fuse_lora()
cleared.unload_lora_weights()
cleared.load_lora_weights(lora(1), adapter_name="style")
note("turbo fused, unload_lora_weights, style loaded", cleared)

for what, seen in found.items():
    print(f"  {what}: renders as {seen}")
print(f"  fused_loras after style was loaded: {still_named}")
expected = {
    "style, set to 0.4": "style at 0.4",
    "other put into its slot": "other",
    "style put back": "style",
    "turbo fused": "turbo",
    "style loaded then": "style",
    "turbo fused, unload_lora_weights, style loaded": "turbo and style",
}
sys.exit(found != expected or still_named != ["turbo"])
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
