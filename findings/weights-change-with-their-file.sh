#!/usr/bin/env bash
# Which weights a loaded model has after its file was replaced in place (safetensors 0.8.0, diffusers 0.42.1, torch 2.13.0), seen
# 2026-11-30:
#
#   `load_file`, and so `from_pretrained` of diffusers, map the file: on the CPU a tensor is the file's pages, read when they are
#   touched. `cp new.safetensors model.safetensors`, as `curl -o`, `shutil.copy` or an editor's build script do, writes into the
#   very same file, and what was loaded long ago is now the new weights: a server that keeps models in memory and moves them to the
#   GPU when they are asked for (offloading, a second model, a LoRA on its shelf) renders with another checkpoint than it says.
#   - It is a mixture: what was made anew at the load (a cast to another dtype) keeps the old values. Of a file in bfloat16 loaded in
#     bfloat16, Wan's layers are new, and norms, modulation tables and time embedder, which diffusers keeps in float32, are old.
#   - While the copy runs the file is short, so a process that touches its weights then is ended by the system (not run).
#   `save_file` of this version writes beside the file and renames, as `mv`, `rsync` and `huggingface_hub` do: loaded stays loaded.
#   So does a model loaded by `disable_mmap=True`. No error, no warning.
#
# Expected before it was tried: loaded is loaded. Replace by `mv` from the same disk, or a new folder for each version. Tiny models of
# random weights. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "diffusers==0.42.1" "safetensors==0.8.0" "numpy" \
  "accelerate==1.15.0"

cat > "$folder/probe.py" <<'PYTHON'
import shutil
import sys
import warnings
from pathlib import Path

import diffusers
import safetensors
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import load_file, save_file

warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
torch.set_grad_enabled(False)
folder = Path(sys.argv[1])
found = {}


def made(name, value):
    """A folder with a tiny Wan transformer in bfloat16, all of whose weights are `value`."""
    model = WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4, text_dim=16, freq_dim=32, ffn_dim=32,
        num_layers=2, rope_max_seq_len=32,
    )
    for weight in model.parameters():
        weight.fill_(value)
    model.to(torch.bfloat16).save_pretrained(folder / name)
    return folder / name


FILE = "diffusion_pytorch_model.safetensors"
old, new, served = made("old", 1.0), made("new", 2.0), folder / "served"
ways = {
    "cp": lambda: shutil.copyfile(new / FILE, served / FILE),
    "save_file": lambda: save_file({name: tensor.clone() for name, tensor in load_file(new / FILE).items()}, served / FILE),
    "mv": lambda: shutil.copyfile(new / FILE, served / "beside").replace(served / FILE),
}
loads = {
    "load_file": lambda: load_file(served / FILE),
    "bfloat16": lambda: dict(WanTransformer3DModel.from_pretrained(served, torch_dtype=torch.bfloat16).named_parameters()),
    "float32": lambda: dict(WanTransformer3DModel.from_pretrained(served, torch_dtype=torch.float32).named_parameters()),
    "no mmap": lambda: dict(
        WanTransformer3DModel.from_pretrained(served, torch_dtype=torch.bfloat16, disable_mmap=True).named_parameters()
    ),
}
for load, loaded in loads.items():
    for way, replace in ways.items():
        shutil.rmtree(served, ignore_errors=True)
        shutil.copytree(old, served)
        weights = loaded()
        before = {name: float(weight.flatten()[0]) for name, weight in weights.items()}
        assert set(before.values()) == {1.0}
        replace()
        changed = sum(float(weight.flatten()[0]) == 2.0 for weight in weights.values())
        kept = len(weights) - changed
        print(f"  {load:10} then {way:10} {changed} of {len(weights)} tensors are the new file's")
        found[f"{load}, {way}"] = "a mixture" if changed and kept else "all new" if changed else "as loaded"

expected = {f"{load}, {way}": "as loaded" for load in loads for way in ways}
expected |= {"load_file, cp": "all new", "bfloat16, cp": "a mixture"}
print(f"safetensors {safetensors.__version__}, diffusers {diffusers.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what:22} {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
