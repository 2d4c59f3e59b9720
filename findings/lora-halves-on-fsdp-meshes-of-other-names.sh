#!/usr/bin/env bash
# What peft makes of a layer whose weight FSDP2 keeps in parts, seen 2026-11-30 with peft 0.21.2 and torch 2.13.0, two
# processes on a CPU (gloo).
#
#   mesh = init_device_mesh("cpu", (2,), mesh_dim_names=(NAME,))
#   fully_shard(model, mesh=mesh); inject_adapter_in_model(LoraConfig(r=4, target_modules=["0"]), model)
#
#   NAME        halves of a Linear(16, 32)         a pass
#   fsdp        (4, 16) and (32, 4)                as on one device
#   none        (4, 16) and (32, 4)                as on one device
#   dp_shard    (4, 16) and (16, 4)                RuntimeError: The size of tensor a (32) must match … b (16)
#
# Expected: the name that one gives a dimension of a mesh means nothing to FSDP. But peft takes a weight in parts for one of
# tensor parallelism, where layers compute on their parts, unless the mesh has no names or the one name "fsdp". `dp_shard`
# is what torchtitan calls it. Convolutions are read by their channels, and right on each mesh.
#
# Install, no server; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "peft==0.21.2" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import os
import sys
from pathlib import Path
from tempfile import mkdtemp

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from peft import LoraConfig, inject_adapter_in_model
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

WANTED = {"fsdp": ((4, 16), (32, 4), True), None: ((4, 16), (32, 4), True), "dp_shard": ((4, 16), (16, 4), False)}


def tried(name):
    mesh = init_device_mesh("cpu", (2,), mesh_dim_names=None if name is None else (name,))
    model = torch.nn.Sequential(torch.nn.Linear(16, 32))
    fully_shard(model, mesh=mesh)
    inject_adapter_in_model(LoraConfig(r=4, target_modules=["0"]), model)
    shapes = {key.split(".")[1]: tuple(part.shape) for key, part in model.named_parameters() if "lora" in key}
    try:
        runs = model(torch.zeros(1, 16)).shape == (1, 32)
    except RuntimeError as error:
        print(f"{name}: {str(error)[:90]}")
        runs = False
    return shapes["lora_A"], shapes["lora_B"], runs


def rank(number, store):
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=number, world_size=2)
    found = {name: tried(name) for name in WANTED}
    if number == 0:
        for name, seen in found.items():
            print(f"{name}: halves {seen[0]} and {seen[1]}, a pass {'works' if seen[2] else 'fails'}")
    if found != WANTED:
        sys.exit(1)


if __name__ == "__main__":
    mp.spawn(rank, (str(Path(mkdtemp()) / "store"),), nprocs=2)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
