#!/usr/bin/env bash
# What diffusers 0.42.1 (peft 0.21.2) does with valid LoRA files of usual layouts, seen 2026-11-28:
#
#   Sana (SanaLoraLoaderMixin): only names that begin with `transformer.` are loaded. PEFT's own (`base_model.model.`), no
#   prefix, kohya's `lora_unet_` and OneTrainer's `lora_transformer_` load NOTHING, without an exception.
#   Wan (WanLoraLoaderMixin): kohya/musubi files raise KeyError without alpha, of attention layers only, and of some blocks
#   only; ComfyUI's prefix before diffusers' own names, and files without blocks, raise ValueError; `diff_b` on some layers
#   only loads, and the transformer then raises at its call; `diff` of a norm, a linear layer or the patch embedding, and
#   layers of a text encoder, vanish without an exception.
#
# It installs these versions from the package registry into a folder of its own, needs no GPU and no weights, and exits
# with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "safetensors==0.8.0" "transformers==5.23.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import peft
import torch
from diffusers import SanaTransformer2DModel, WanTransformer3DModel
from diffusers.loaders import SanaLoraLoaderMixin, WanLoraLoaderMixin

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
dice = torch.Generator().manual_seed(3)
wrong = []


def weights(*shape):
    return torch.randn(*shape, generator=dice)


def half_pair(name, outputs, inputs, down="lora_down", up="lora_up", alpha=None):
    tensors = {f"{name}.{down}.weight": weights(4, inputs), f"{name}.{up}.weight": weights(outputs, 4)}
    return tensors if alpha is None else tensors | {f"{name}.alpha": torch.tensor(alpha)}


class SanaLoader(SanaLoraLoaderMixin):
    hf_device_map, components = None, {}

    def __init__(self):
        torch.manual_seed(0)
        self.transformer = SanaTransformer2DModel(
            in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8, num_layers=2,
            num_cross_attention_heads=2, cross_attention_head_dim=8, cross_attention_dim=16, caption_channels=16,
            sample_size=2, patch_size=1,
        ).eval()
        self.given = {"hidden_states": torch.ones(1, 4, 2, 2), "encoder_hidden_states": torch.ones(1, 3, 16)}


class WanLoader(WanLoraLoaderMixin):
    hf_device_map, components = None, {}

    def __init__(self):
        torch.manual_seed(0)
        self.transformer = WanTransformer3DModel(
            patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4,
            text_dim=16, freq_dim=16, ffn_dim=32, num_layers=2, cross_attn_norm=True, rope_max_seq_len=32,
        ).eval()
        self.given = {"hidden_states": torch.ones(1, 4, 1, 4, 4), "encoder_hidden_states": torch.ones(1, 3, 16)}


def seen(loader, tensors):
    """What loading and one call do: 'changes', 'nothing', or where it raises what."""
    def call():
        with torch.no_grad():
            return loader.transformer(**loader.given, timestep=torch.tensor([500.0]))[0]

    before = call()
    try:
        loader.load_lora_weights(tensors, adapter_name="mine")
    except Exception as error:
        return f"load raises {type(error).__name__}"
    try:
        return "nothing" if torch.equal(before, call()) else "changes"
    except Exception as error:
        return f"loads, call raises {type(error).__name__}"


def expect(what, loader, tensors, expected):
    found = seen(loader, tensors)
    print(f"{what:58} {found}")
    if found != expected:
        wrong.append(f"{what}: expected {expected!r}, seen {found!r}")


print(f"diffusers {diffusers.__version__}, peft {peft.__version__}, torch {torch.__version__}")
layer = "transformer_blocks.0.attn1.to_q"
flat = layer.replace(".", "_")
expect("Sana, diffusers", SanaLoader(), half_pair(f"transformer.{layer}", 16, 16, "lora_A", "lora_B"), "changes")
expect("Sana, PEFT", SanaLoader(), half_pair(f"base_model.model.{layer}", 16, 16, "lora_A", "lora_B"), "nothing")
expect("Sana, no prefix", SanaLoader(), half_pair(layer, 16, 16, "lora_A", "lora_B"), "nothing")
expect("Sana, kohya", SanaLoader(), half_pair(f"lora_unet_{flat}", 16, 16), "nothing")
expect("Sana, OneTrainer", SanaLoader(), half_pair(f"lora_transformer_{flat}", 16, 16), "nothing")

shapes = {f"{attention}_{name}": (24, 24) for attention in ("self_attn", "cross_attn") for name in "qkvo"}
shapes |= {"ffn_0": (32, 24), "ffn_2": (24, 32)}


def musubi(blocks=(0, 1), alpha=2.0, keep=lambda name: True):
    found = {}
    for block in blocks:
        for name, (outputs, inputs) in shapes.items():
            if keep(name):
                found |= half_pair(f"lora_unet_blocks_{block}_{name}", outputs, inputs, alpha=alpha)
    return found


expect("Wan, musubi, all layers of all blocks, with alpha", WanLoader(), musubi(), "changes")
expect("Wan, musubi, without alpha", WanLoader(), musubi(alpha=None), "load raises KeyError")
expect("Wan, musubi, attention only", WanLoader(), musubi(keep=lambda name: "attn" in name), "load raises KeyError")
expect("Wan, musubi, the second block only", WanLoader(), musubi(blocks=(1,)), "load raises KeyError")

first = half_pair("diffusion_model.blocks.0.self_attn.q", 24, 24)
still = {name: tensor * 0 for name, tensor in first.items()}
expect("Wan, ComfyUI", WanLoader(), first, "changes")
expect(
    "Wan, ComfyUI's prefix before diffusers' names", WanLoader(),
    half_pair("diffusion_model.blocks.0.attn1.to_q", 24, 24, "lora_A", "lora_B"), "load raises ValueError",
)
expect("Wan, ComfyUI, no block", WanLoader(), half_pair("diffusion_model.head.head", 16, 24), "load raises ValueError")
second = half_pair("diffusion_model.blocks.1.self_attn.q", 24, 24)
some = first | second | {"diffusion_model.blocks.0.self_attn.q.diff_b": weights(24)}
expect("Wan, diff_b on one of two layers", WanLoader(), some, "loads, call raises RuntimeError")
for what, name, shape in (
    ("a norm", "blocks.0.norm3", (24,)),
    ("a linear layer", "blocks.0.self_attn.k", (24, 24)),
    ("the patch embedding", "patch_embedding", (24, 4, 1, 2, 2)),
):
    tensors = still | {f"diffusion_model.{name}.diff": weights(*shape)}
    expect(f"Wan, diff of {what} (beside halves of zeros)", WanLoader(), tensors, "nothing")
expect(
    "Wan, layers of a text encoder", WanLoader(), half_pair("text_encoder.layer", 24, 24, "lora_A", "lora_B"), "nothing"
)

print(*(f"CHANGED  {line}" for line in wrong), sep="\n")
sys.exit(bool(wrong))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
