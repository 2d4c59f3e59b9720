#!/usr/bin/env bash
# What FSDP2 keeps of forward passes that no backward pass follows, seen 2026-11-30 with torch 2.13.0 on a CPU (gloo).
#
#   model = torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(4)))
#   each of the four, then the model: fully_shard(part, reshard_after_forward=True)
#   with torch.no_grad(): model(x), 100 times
#
# Expected: a model that only renders needs as much memory after a million passes as after one. Seen: at each pass every
# group of parameters appends itself to a list of the model (`post_forward_order`), and an index to one of its own
# (`_post_forward_indices`), so that a backward pass knows which blocks to gather beforehand. Only the end of a backward
# pass clears them; `no_grad` and `inference_mode` change nothing. Of a transformer with 40 blocks that is a few kB each
# pass, some hundred kB each clip: little, but for ever. `reset_iter_state()`, made for passes that broke off, clears them.
#
# Install, no server, one process; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy<3"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from pathlib import Path
from tempfile import mkdtemp

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

dist.init_process_group("gloo", init_method=f"file://{Path(mkdtemp()) / 'store'}", rank=0, world_size=1)
mesh = init_device_mesh("cpu", (1,))
model = torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(4)))
for part in (*model, model):
    fully_shard(part, mesh=mesh, reshard_after_forward=True)
state = model._get_fsdp_state()


def noted():
    groups = [group for each in state._state_ctx.all_states for group in each._fsdp_param_groups]
    return len(state._comm_ctx.post_forward_order), sum(len(group._post_forward_indices) for group in groups)


def passes(mode):
    with mode():
        for _ in range(100):
            model(torch.zeros(1, 8))
    return noted()


seen = {"no_grad": passes(torch.no_grad)}
model.reset_iter_state()
seen["after reset_iter_state"] = noted()
seen["inference_mode"] = passes(torch.inference_mode)
model.reset_iter_state()
model(torch.zeros(1, 8)).sum().backward()
seen["after a backward pass"] = noted()
for what, found in seen.items():
    print(f"{what}: {found[0]} in the list of the model, {found[1]} in those of its groups")
wanted = {"no_grad": (400, 400), "inference_mode": (400, 400)}
sys.exit(any(found != wanted.get(what, (0, 0)) for what, found in seen.items()))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
