#!/usr/bin/env bash
# How strong one LoRA is, loaded by its path and as tensors (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   `save_lora_weights(…, transformer_lora_adapter_metadata=…)`, as diffusers' training scripts write a LoRA, puts rank, alpha
#   and whether it is rsLoRA into the file's metadata, and no `.alpha` beside the tensors. `load_lora_weights(PATH)` reads that.
#   `load_lora_weights(load_file(PATH))`, the documented other way and the usual one where names are filtered or looked at first,
#   has tensors alone: alpha is taken to be the rank. Rank 8 with alpha 16 works at half of its strength, rank 16 with alpha 8
#   at twice, rank 16 with rsLoRA at a quarter. Written through a dict (`save_file(load_file(…))`, a change of names, a merge)
#   it is lost for good, and other programs do not know that key of diffusers' own. No error, no warning.
#
# Expected before it was tried: one LoRA, one strength, or a word about the missing alpha. Load by the path, or read the key as
# workers/denoising/lora_weights.py does. A tiny model of random weights. Install, CPU only; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "safetensors==0.8.0" "transformers==5.23.0"

cat > "$folder/probe.py" <<'PYTHON'
import logging
import sys
import warnings
from pathlib import Path

import diffusers
import peft
import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders import WanLoraLoaderMixin
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

folder = Path(sys.argv[1])
NAME = "pytorch_lora_weights.safetensors"
KINDS = {
    "rank 8, alpha 8": {"r": 8, "lora_alpha": 8}, "rank 8, alpha 16": {"r": 8, "lora_alpha": 16},
    "rank 16, alpha 8": {"r": 16, "lora_alpha": 8}, "rank 16, rsLoRA": {"r": 16, "lora_alpha": 16, "use_rslora": True},
}
LAYERS = ["to_q", "to_k", "to_v", "to_out.0"]
dice = torch.Generator().manual_seed(1)
clip, text = torch.randn(1, 4, 1, 8, 8, generator=dice), torch.randn(1, 3, 16, generator=dice)
said = []


class Loader(WanLoraLoaderMixin):
    hf_device_map, components = None, {}

    def __init__(self):
        torch.manual_seed(0)
        self.transformer = WanTransformer3DModel(
            patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
            freq_dim=16, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
        ).eval()

    def strengths(self):
        layers = (module for module in self.transformer.modules() if hasattr(module, "scaling"))
        return {strength for layer in layers for strength in layer.scaling.values()}

    @torch.no_grad()
    def render(self):
        return self.transformer(clip, torch.tensor([500.0]), text)[0]


def trained(kind, where):
    """A file as the training scripts write it, and what the trained model renders."""
    loader = Loader()
    loader.transformer.add_adapter(LoraConfig(target_modules=LAYERS, init_lora_weights=False, **kind))
    layers = get_peft_model_state_dict(loader.transformer)
    told = loader.transformer.peft_config["default"].to_dict()
    loader.save_lora_weights(where, transformer_lora_layers=layers, transformer_lora_adapter_metadata=told)
    return where / NAME, loader.render(), loader.strengths()


def loaded(given):
    loader = Loader()
    loader.load_lora_weights(given)
    return loader.render(), loader.strengths()


class Listener(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


logging.getLogger("diffusers").addHandler(Listener(logging.WARNING))
print(f"diffusers {diffusers.__version__}, peft {peft.__version__}, torch {torch.__version__}; strengths when trained and loaded")
right = {}
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    for name, kind in KINDS.items():
        path, due, strength = trained(kind, folder / name)
        save_file(load_file(path), folder / "copy.safetensors")
        ways = {"path": path, "tensors": load_file(path), "copy": folder / "copy.safetensors"}
        found = {way: loaded(given if isinstance(given, dict) else str(given)) for way, given in ways.items()}
        right[name] = [way for way, (render, _) in found.items() if torch.allclose(render, due, atol=1e-5)]
        print(f"  {name:17} trained {strength}", {way: strengths for way, (_, strengths) in found.items()}, "right:", right[name])
about_alpha = [text for text in [*said, *(str(one.message) for one in warned)] if "alpha" in text]
print("  said of alpha:", about_alpha)
expected = {**dict.fromkeys(KINDS, ["path"]), "rank 8, alpha 8": ["path", "tensors", "copy"]}
sys.exit(0 if right == expected and not about_alpha else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
