#!/usr/bin/env bash
# Which layers of which LoRA have the strengths that were given by component and block (diffusers 0.42.1, peft 0.21.2), seen 2026-11-30:
#
#   1. `set_adapters(["ink", "oil"], {"transformer": 0.3})`, and the same with that dict twice in a list: the first LoRA is at 0.3, the
#      second at 1.0, whatever was said. The component is taken out of a dict that both share (a dict equal to it would do). `0.3`
#      alone, `[0.3, 0.3]` and two dicts reach both.
#   2. FLUX, `{"transformer": {"transformer_blocks.1": 0}}`: block 1 is without LoRA, and so are blocks 10, 11 … 18, and blocks 1 and 10 … 19
#      of `single_transformer_blocks`, for the name of a block is looked for anywhere within the names of layers. Other words for block
#      10 that come later in the dict change nothing, the first that fits counts; `"transformer_blocks"` alone is both kinds of blocks.
#      Wan, LTX, Qwen-Image and all others that have a list of blocks do the same from their eleventh block on; SDXL has too few.
#   3. A name that fits no layer (`blocks.1` in FLUX fits, `block_1` does not) leaves all at 1.0. Only UNets refuse it.
#   No error, no warning.
#
# Expected before it was tried: both LoRAs at 0.3; block 1 of the named list and no other; an error. Write a dict for each LoRA, end names
# with a point (`transformer_blocks.1.`), name `single_transformer_blocks.…` before `transformer_blocks.…`, and look at `scaling` of the
# layers. A tiny model of random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "torch==2.13.0" "diffusers==0.42.1" "peft==0.21.2" "transformers==5.23.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import logging
import sys
import warnings

import diffusers
import peft
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from peft import LoraConfig

said = []
warnings.showwarning = lambda message, *more: said.append(str(message))
handler = logging.Handler()
handler.emit = lambda record: said.append(record.getMessage())
diffusers.utils.logging.disable_default_handler()
diffusers.utils.logging.add_handler(handler)

transformer = FluxTransformer2DModel(
    in_channels=16, num_layers=12, num_single_layers=12, attention_head_dim=16, num_attention_heads=1, joint_attention_dim=8,
    pooled_projection_dim=8, axes_dims_rope=(4, 4, 8),
)
for name in ("ink", "oil"):
    transformer.add_adapter(LoraConfig(r=2, lora_alpha=2, target_modules=["attn.to_q"]), adapter_name=name)
pipeline = FluxPipeline(
    transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(), vae=None, text_encoder=None, tokenizer=None, text_encoder_2=None,
    tokenizer_2=None,
)
layers = {name.removesuffix(".attn.to_q"): layer for name, layer in transformer.named_modules() if name.endswith(".attn.to_q")}
assert len(layers) == 24
said.clear()


def strengths(weights):
    """The strengths that ink and oil have anywhere."""
    pipeline.set_adapters(["ink", "oil"], weights)
    return tuple(sorted({layer.scaling[name] for layer in layers.values()}) for name in ("ink", "oil"))


def changed(blocks):
    """The blocks where ink is not at 1.0, s for single."""
    pipeline.set_adapters(["ink", "oil"], [{"transformer": blocks}, 1.0])
    short = {name: name.replace("single_transformer_blocks.", "s").replace("transformer_blocks.", "") for name in layers}
    return " ".join(f"{short[name]}={layer.scaling['ink']:g}" for name, layer in layers.items() if layer.scaling["ink"] != 1)


one = {"transformer": 0.3}
found = {
    "a dict for both": strengths(one),
    "that dict twice": strengths([one, one]),
    "two dicts": strengths([{"transformer": 0.3}, {"transformer": 0.3}]),
    "a number": strengths(0.3),
    "transformer_blocks.1 at 0": changed({"transformer_blocks.1": 0}),
    "transformer_blocks.1 at 0, .10 at 0.5": changed({"transformer_blocks.1": 0, "transformer_blocks.10": 0.5}),
    "transformer_blocks.10 at 0.5, .1 at 0": changed({"transformer_blocks.10": 0.5, "transformer_blocks.1": 0}),
    "transformer_blocks.1. at 0": changed({"transformer_blocks.1.": 0}),
    "single_transformer_blocks.1. at 1, transformer_blocks.1. at 0": changed({"single_transformer_blocks.1.": 1, "transformer_blocks.1.": 0}),
    "block_1 at 0": changed({"block_1": 0}),
    "said": len(said),
}
expected = {
    "a dict for both": ([0.3], [1.0]),
    "that dict twice": ([0.3], [1.0]),
    "two dicts": ([0.3], [0.3]),
    "a number": ([0.3], [0.3]),
    "transformer_blocks.1 at 0": "1=0 10=0 11=0 s1=0 s10=0 s11=0",
    "transformer_blocks.1 at 0, .10 at 0.5": "1=0 10=0 11=0 s1=0 s10=0 s11=0",
    "transformer_blocks.10 at 0.5, .1 at 0": "1=0 10=0.5 11=0 s1=0 s10=0.5 s11=0",
    "transformer_blocks.1. at 0": "1=0 s1=0",
    "single_transformer_blocks.1. at 1, transformer_blocks.1. at 0": "1=0",
    "block_1 at 0": "",
    "said": 0,
}
print(f"diffusers {diffusers.__version__}, peft {peft.__version__}; strengths of ink and oil, then blocks where ink is not at 1 (s: single)")
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected[what] else '   CHANGED, was ' + str(expected[what])}")
for message in said:
    print(f"  said: {message}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
