#!/usr/bin/env bash
# What becomes of LoRAs that a server keeps as tensors when it swaps them (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen 2026-11-30:
#
#   `load_lora_weights(TENSORS, adapter_name="slot", hotswap=True)` puts another LoRA into the layers that are there: no new layers, no
#   compiling. A server reads each file once, keeps the tensors, and swaps them in as jobs come. diffusers copies the dict, "instead of
#   modifying it in place"; the tensors are the caller's own, and the model works on them.
#   1. The first load takes the tensors into the model as they are (same dtype and device), and each swap writes the next LoRA over them:
#      the first one of the shelf is now the second, under its old name. Swapped in again, "ink" renders as "oil".
#   2. A LoRA of a higher rank is exchanged with what is in the model: the entry of the shelf has the LoRA before it.
#   3. One that has fewer layers fills the others with zeros, in the entry of the shelf too.
#   4. `set_adapters` after a swap sets by alpha and rank of the first LoRA of the slot, not of the one in it: rank 4 with alpha 8, in a
#      slot made with alpha 4, has half its strength at 1.0, and 1.0 is what it was told. Without `set_adapters` it is right.
#   No error, no warning. Of files by path 1 to 3 do not happen. (That a swap sets other slots to zero whose name contains the slot's is
#   huggingface/peft issue 3780.)
#
# Expected before it was tried: the tensors as they were, and strengths of the LoRA that is loaded. Hand over clones
# (`{name: tensor.clone() …}`). Tiny models of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings
from pathlib import Path

import diffusers
import peft
import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders import WanLoraLoaderMixin
from peft import LoraConfig
from safetensors.torch import save_file

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
folder = Path(sys.argv[1])
dice = torch.Generator().manual_seed(1)
clip, text = torch.randn(1, 4, 1, 8, 8, generator=dice), torch.randn(1, 3, 16, generator=dice)
found = {}


class Loader(WanLoraLoaderMixin):
    hf_device_map, components = None, {}

    def __init__(self):
        torch.manual_seed(0)
        self.transformer = WanTransformer3DModel(
            patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16,
            freq_dim=16, ffn_dim=32, num_layers=2, rope_max_seq_len=32,
        ).eval()

    def render(self):
        return self.transformer(clip, torch.tensor([500.0]), text)[0]


def lora(seed, rank=4, parts="qkv"):
    dice = torch.Generator().manual_seed(seed)
    shapes = {"lora_A": (rank, 24), "lora_B": (24, rank)}
    return {
        f"transformer.blocks.{block}.attn1.to_{part}.{half}.weight": torch.randn(*shape, generator=dice) / 3
        for block in (0, 1) for part in parts for half, shape in shapes.items()
    }


def copied(tensors):
    return {name: tensor.clone() for name, tensor in tensors.items()}


def same(one, other):
    return all(one[name].shape == other[name].shape and torch.equal(one[name], other[name]) for name in one)


def fresh(tensors):
    """What a new model renders with these."""
    loader = Loader()
    loader.load_lora_weights(copied(tensors), adapter_name="slot")
    return loader.render()


def after_swap(first, second):
    """The shelf after the second was swapped in for the first; what each of the two was before; and the loader."""
    shelf = {"ink": first, "oil": second}
    before = {name: copied(tensors) for name, tensors in shelf.items()}
    loader = Loader()
    loader.load_lora_weights(shelf["ink"], adapter_name="slot")
    loader.load_lora_weights(shelf["oil"], adapter_name="slot", hotswap=True)
    found_right = torch.allclose(loader.render(), fresh(before["oil"]), atol=1e-5)
    return shelf, before, loader, found_right


def named(tensors, before):
    """Which of the LoRAs before a shelf's entry is now, layer by layer."""
    kinds = set()
    for name, tensor in tensors.items():
        known = [one for one, old in before.items() if name in old and old[name].shape == tensor.shape and torch.equal(old[name], tensor)]
        kinds.add(known[0] if known else "zeros" if not tensor.any() else "something else")
    return " and ".join(sorted(kinds))


def in_shelf(what, first, second):
    shelf, before, loader, right = after_swap(first, second)
    found[f"{what}: ink, oil of the shelf"] = named(shelf["ink"], before), named(shelf["oil"], before)
    found[f"{what}: the swap itself"] = right
    return shelf, before, loader


print(f"diffusers {diffusers.__version__}, peft {peft.__version__}, torch {torch.__version__}")
shelf, before, loader = in_shelf("same rank", lora(1), lora(2))
loader.load_lora_weights(shelf["ink"], adapter_name="slot", hotswap=True)
renders = {name: fresh(tensors) for name, tensors in before.items()}
found["same rank: ink swapped in again renders as"] = [name for name in renders if torch.allclose(loader.render(), renders[name], atol=1e-5)]
in_shelf("higher rank", lora(1), lora(2, rank=8))
in_shelf("fewer layers", lora(1), lora(2, parts="q"))

paths = {}
for name, tensors in before.items():
    save_file(tensors, folder / f"{name}.safetensors")
loader = Loader()
loader.load_lora_weights(str(folder / "ink.safetensors"), adapter_name="slot")
for name in ("oil", "ink"):
    loader.load_lora_weights(str(folder / f"{name}.safetensors"), adapter_name="slot", hotswap=True)
found["by path, ink again"] = torch.allclose(loader.render(), renders["ink"], atol=1e-5)

for name, alpha in (("ink", 4), ("oil", 8)):
    told = LoraConfig(r=4, lora_alpha=alpha, target_modules=["to_q", "to_k", "to_v"]).to_dict()
    layers = {key.removeprefix("transformer."): tensor for key, tensor in before[name].items()}
    Loader.save_lora_weights(folder / name, transformer_lora_layers=layers, transformer_lora_adapter_metadata=told)


def strengths(loader):
    return sorted({float(one) for module in loader.transformer.modules() for one in getattr(module, "scaling", {}).values()})


slot = Loader()
slot.load_lora_weights(str(folder / "ink"), adapter_name="slot")
slot.load_lora_weights(str(folder / "oil"), adapter_name="slot", hotswap=True)
found["alpha 8 in a slot of alpha 4: swapped"] = strengths(slot)
slot.set_adapters(["slot"], [1.0])
found["alpha 8 in a slot of alpha 4: set to 1.0"] = strengths(slot)
alone = Loader()
alone.load_lora_weights(str(folder / "oil"), adapter_name="slot")
alone.set_adapters(["slot"], [1.0])
found["alpha 8 in its own slot: set to 1.0"] = strengths(alone)

expected = {
    "same rank: ink, oil of the shelf": ("oil", "oil"),
    "same rank: the swap itself": True,
    "same rank: ink swapped in again renders as": ["oil"],
    "higher rank: ink, oil of the shelf": ("ink", "ink"),
    "higher rank: the swap itself": True,
    "fewer layers: ink, oil of the shelf": ("oil and zeros", "oil"),
    "fewer layers: the swap itself": True,
    "by path, ink again": True,
    "alpha 8 in a slot of alpha 4: swapped": [2.0],
    "alpha 8 in a slot of alpha 4: set to 1.0": [1.0],
    "alpha 8 in its own slot: set to 1.0": [2.0],
}
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
