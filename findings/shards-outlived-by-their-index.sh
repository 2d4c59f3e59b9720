#!/usr/bin/env bash
# What is left of a model that is saved into a folder in which it lay in shards (diffusers 0.42.1, torch 2.13.0), seen 2026-11-30:
#
#   `save_pretrained` cuts weights above 10 GB into shards and writes an index beside them. Saved again into the same folder and small
#   enough for one file now, as a model is that was cast to bfloat16, pruned or quantized, it takes the old shards away and leaves the
#   old index. `from_pretrained` goes by the index: FileNotFoundError about shards that are gone, and the new weights, complete in
#   `diffusion_pytorch_model.safetensors`, are not looked at. So it is with a variant (`variant="fp16"`). A training run whose
#   last save goes over an earlier one has a checkpoint that nothing loads. Shards over one file, and shards over other shards, are
#   right (controls), and so is the folder once the index is deleted. No error and no warning as it saves.
#
# Expected before it was tried: what was saved last. Save into a new folder. A tiny model with shards of some kilobytes. Install, CPU
# only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "safetensors==0.8.0" "numpy" \
  "accelerate==1.15.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
import tempfile
import warnings
from pathlib import Path

import diffusers
import torch
from diffusers import WanTransformer3DModel

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity(60)
torch.set_grad_enabled(False)
found = {}


def model(value):
    made = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16, text_dim=16, freq_dim=32, ffn_dim=32,
        num_layers=3, rope_max_seq_len=32,
    )
    for weight in made.parameters():
        weight.fill_(value)
    return made


def loaded(folder, **variant):
    try:
        weights = WanTransformer3DModel.from_pretrained(folder, **variant).parameters()
        return ", ".join(sorted({f"{float(weight.flatten()[0]):g}" for weight in weights}))
    except OSError as error:
        return type(error).__name__


WHOLE, SHARDS, FEWER = {}, {"max_shard_size": "40KB"}, {"max_shard_size": "80KB"}
ways = {
    "whole over shards": (SHARDS, WHOLE, {}),
    "whole over shards, variant": (SHARDS, WHOLE, {"variant": "fp16"}),
    "shards over whole": (WHOLE, SHARDS, {}),
    "fewer shards over shards": (SHARDS, FEWER, {}),
}
for way, (first, second, variant) in ways.items():
    with tempfile.TemporaryDirectory() as name:
        model(1.0).save_pretrained(name, **first, **variant)
        model(2.0).save_pretrained(name, **second, **variant)
        found[way] = loaded(name, **variant)
        if found[way] != "2":
            for index in Path(name).glob("*.index*"):
                index.unlink()
            found[f"{way}, index deleted"] = loaded(name, **variant)

expected = {
    "whole over shards": "FileNotFoundError", "whole over shards, index deleted": "2",
    "whole over shards, variant": "FileNotFoundError", "whole over shards, variant, index deleted": "2",
    "shards over whole": "2", "fewer shards over shards": "2",
}
print(f"diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:44} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
