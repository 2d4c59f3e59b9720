#!/usr/bin/env bash
# What torch's distributed checkpoints write as Hugging Face files (torch 2.13.0, safetensors 0.8.0), seen 2026-11-30:
#
#   `dcp.save(…, storage_writer=HuggingFaceStorageWriter(FOLDER, save_distributed=True, enable_consolidation=True))` is how a training on
#   several GPUs (FSDP2, torchtitan) writes safetensors that diffusers and others read: each rank its shard, into FOLDER/sharded, and
#   then all shards are put together.
#   1. A tensor without dimensions is 0 in what is put together, whatever it was: the `alpha` of a LoRA, CLIP's `logit_scale`, the scale
#      of an FP8 layer, a learnt gate. The shard has the right value; the step that joins them leaves out tensors whose shape is empty.
#   2. Old shards in the folder are joined as well. A later save by fewer ranks (fewer GPUs after a resume) leaves those of the others
#      where they are. Of a tensor of the same size the rows of both are laid over each other, and which wins is the order in
#      which the file system lists the folder. Of a smaller one (a LoRA of rank 8 where rank 16 lay) the shape is the old one: eight rows
#      of this training, eight of the one before.
#   No error, no warning. `HuggingFaceStorageReader` reads the sharded folder by the same rule.
#
# Expected before it was tried: the tensors that were saved, and none else. A new folder for each save helps 2, a shape of (1,) helps 1.
# Two processes on the CPU. Install, no GPU; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "safetensors==0.8.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import os
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as processes
from safetensors.torch import load_file
from torch.distributed.checkpoint import HuggingFaceStorageWriter
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

warnings.simplefilter("ignore")
LAYER = "blocks.0.attn1.to_q.lora_A.weight"


def save(state, where):
    dcp.save(state, storage_writer=HuggingFaceStorageWriter(str(where), save_distributed=True, enable_consolidation=True))


def joined(where):
    return load_file(where / "model-00001-of-00001.safetensors")


def saved_by_two(rank, where):
    """Sixteen rows of ones, eight of each rank."""
    dist.init_process_group("gloo", rank=rank, world_size=2, init_method=f"file://{where}.meeting")
    rows = distribute_tensor(torch.ones(16, 4), init_device_mesh("cpu", (2,)), [Shard(0)])
    save({LAYER: rows}, where)
    dist.destroy_process_group()


def verdict(tensor, value):
    return "right" if torch.equal(tensor, value) else "wrong" if tensor.any() else "0"


def scalars(folder):
    """Of each tensor: what is in the shard, what in the joined file."""
    state = {
        "alpha": torch.tensor(8.0), "logit_scale": torch.tensor(4.6, dtype=torch.bfloat16),
        "alpha as (1,)": torch.tensor([8.0]), LAYER: torch.randn(4, 8),
    }
    save(state, folder)
    shard, whole = load_file(folder / "sharded/shard-00001-model-00001-of-00001.safetensors"), joined(folder)
    return {name: (verdict(shard[name], value), verdict(whole[name], value)) for name, value in state.items()}


def old_shards(folder, rows):
    """Rows, and rows of the old training, after `rows` rows were saved by one process over sixteen of two."""
    processes.start_processes(saved_by_two, args=(folder,), nprocs=2, start_method="spawn")
    assert joined(folder)[LAYER][:, 0].tolist() == [1.0] * 16
    save({LAYER: torch.full((rows, 4), 2.0)}, folder)
    listed = [one.name for one in os.scandir(folder / "sharded") if one.name.endswith(".safetensors")]
    tensor = joined(folder)[LAYER]
    return len(tensor), int((tensor[:, 0] == 1).sum()), listed[-1].startswith("shard-00002")


def main(folder):
    print(f"torch {torch.__version__}")
    found = scalars(folder / "scalars")
    rows, old, old_is_last = old_shards(folder / "same", 16)
    found["16 rows over 16: rows, old ones"] = rows, old
    smaller = old_shards(folder / "smaller", 8)
    found["8 rows over 16: rows, old ones"] = smaller[:2]
    expected = {
        "alpha": ("right", "0"),
        "logit_scale": ("right", "0"),
        "alpha as (1,)": ("right", "right"),
        LAYER: ("right", "right"),
        "16 rows over 16: rows, old ones": (16, 8 if old_is_last else 0),
        "8 rows over 16: rows, old ones": (16, 8),
    }
    print(f"  the folder lists the {'old' if old_is_last else 'new'} shard last")
    for what, seen in found.items():
        print(f"  {what}: {seen}{'' if seen == expected[what] else '   CHANGED, was ' + str(expected[what])}")
    sys.exit(found != expected)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
