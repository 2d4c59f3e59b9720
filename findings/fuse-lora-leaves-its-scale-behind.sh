#!/usr/bin/env bash
# How strong LoRAs are after they were fused at less than 1 and taken out again (diffusers 0.42.1, peft 0.21.2, torch 2.13.0), seen
# 2026-11-30:
#
#   `fuse_lora(lora_scale=0.7)` adds a LoRA to the weights at 0.7, and `unfuse_lora()` is documented to reverse its effect. It takes the
#   LoRA out of the weights, and its strength stays at 0.7: the next render with it, by name and at a strength that nobody touched, is
#   weaker. Fused at 0.7 again it is 0.49, then 0.34: a server that fuses for each job and unfuses behind it renders the
#   same request weaker each time.
#   `fuse_lora(lora_scale=0.7, adapter_names=["turbo"])` turns down the other active LoRAs too, which are not fused (and, as huggingface/peft
#   issue 3756 says, have no effect until the fused one is out again: then they are at 0.7).
#   No error, no warning.
#
# Expected before it was tried: strengths as before the fusing. After `unfuse_lora()` say `set_adapters` with all names and strengths.
# Tiny models of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "safetensors==0.8.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import warnings

import diffusers
import peft
import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders import WanLoraLoaderMixin

diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
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
        for seed, name in enumerate(("style", "turbo")):
            self.load_lora_weights(lora(seed), adapter_name=name)

    def render(self):
        return self.transformer(clip, torch.tensor([500.0]), text)[0]


def lora(seed):
    dice = torch.Generator().manual_seed(seed)
    shapes = {"lora_A": (4, 24), "lora_B": (24, 4)}
    return {
        f"transformer.blocks.{block}.attn1.to_{part}.{half}.weight": torch.randn(*shape, generator=dice) / 3
        for block in (0, 1) for part in "qkv" for half, shape in shapes.items()
    }


def rendered_with(**strengths):
    loader = Loader()
    loader.set_adapters(list(strengths), list(strengths.values()))
    return loader.render()


KNOWN = {
    f"style {style}, turbo {turbo}": rendered_with(style=style, turbo=turbo)
    for style, turbo in ((1, 0), (0.7, 0), (0.49, 0), (0.343, 0), (1, 1), (0.7, 0.7), (1, 0.7))
}


def note(what, loader):
    seen = loader.render()
    found[what] = next((name for name, known in KNOWN.items() if torch.allclose(seen, known, atol=1e-5)), "something else")


print(f"diffusers {diffusers.__version__}, peft {peft.__version__}, torch {torch.__version__}")
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    one = Loader()
    one.set_adapters(["style"], [1.0])
    note("before", one)
    for time in (1, 2, 3):
        one.fuse_lora(components=["transformer"], lora_scale=0.7)
        note(f"fused at 0.7, time {time}", one)
        one.unfuse_lora(components=["transformer"])
        note(f"unfused, time {time}", one)
    one.set_adapters(["style"], [1.0])
    note("set to 1.0 again", one)
    whole = Loader()
    whole.set_adapters(["style"], [1.0])
    whole.fuse_lora(components=["transformer"])
    whole.unfuse_lora(components=["transformer"])
    note("fused at 1.0 and unfused", whole)

    two = Loader()
    two.set_adapters(["style", "turbo"], [1.0, 1.0])
    note("both", two)
    two.fuse_lora(components=["transformer"], lora_scale=0.7, adapter_names=["turbo"])
    two.unfuse_lora(components=["transformer"])
    note("both, turbo alone fused at 0.7, and unfused", two)
said = [str(one.message) for one in warned if "scal" in str(one.message) or "strength" in str(one.message)]

expected = {
    "before": "style 1, turbo 0",
    "fused at 0.7, time 1": "style 0.7, turbo 0",
    "unfused, time 1": "style 0.7, turbo 0",
    "fused at 0.7, time 2": "style 0.49, turbo 0",
    "unfused, time 2": "style 0.49, turbo 0",
    "fused at 0.7, time 3": "style 0.343, turbo 0",
    "unfused, time 3": "style 0.343, turbo 0",
    "set to 1.0 again": "style 1, turbo 0",
    "fused at 1.0 and unfused": "style 1, turbo 0",
    "both": "style 1, turbo 1",
    "both, turbo alone fused at 0.7, and unfused": "style 0.7, turbo 0.7",
}
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
print("  said of strengths:", said)
sys.exit(found != expected or bool(said))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
