#!/usr/bin/env bash
# Whose weights run when two models are offloaded into one folder (accelerate 1.15.0, torch 2.13.0), seen 2026-11-30:
#
#   Each weight is a file that is named after the layer alone ("0.weight.dat"), with one `index.json`. Two models of one architecture are two
#   experts of Wan2.2, a base model and its refiner's kin, or yesterday's checkpoint and today's.
#   1. `disk_offload(model, FOLDER)` writes nothing where an index lies already: the second model, and the one of the next day, runs with the
#      weights of the first, to the bit. (The documentation has a hint: "or where the model weights are already offloaded".)
#   2. `load_checkpoint_and_dispatch(…, offload_folder=FOLDER)` writes in any case, over files that the first model reads anew at each call:
#      from then on the first runs with the second's weights, in its offloaded layers alone: a mixture.
#   No error, no warning about either.
#
# Expected before it was tried: an error for a folder that is in use, or files of its own for each model. A new, empty folder for each.
# Models of two layers. Install, CPU only; exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "accelerate==1.15.0" "safetensors==0.8.0" "numpy"

cat > "$folder/probe.py" <<'PYTHON'
import logging
import sys
import warnings
from pathlib import Path

import accelerate
import torch
from accelerate import disk_offload, init_empty_weights, load_checkpoint_and_dispatch
from safetensors.torch import save_file

torch.set_grad_enabled(False)
folder = Path(sys.argv[1])
sample = torch.randn(2, 8, generator=torch.Generator().manual_seed(9))
found, said = {}, []


class Listener(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


def layers(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.GELU(), torch.nn.Linear(8, 8))


KNOWN = {"first": layers(1)(sample), "second": layers(2)(sample)}
mixed = layers(1)
mixed[2] = layers(2)[2]
KNOWN["first, its last layer of the second"] = mixed(sample)


def runs_as(model):
    seen = model(sample)
    return next((name for name, known in KNOWN.items() if torch.equal(seen, known)), "something else")


def dispatched(seed):
    file = folder / f"{seed}.safetensors"
    save_file(layers(seed).state_dict(), file)
    with init_empty_weights():
        model = layers(seed)
    device_map = {"0": "cpu", "1": "cpu", "2": "disk"}
    return load_checkpoint_and_dispatch(model, str(file), device_map=device_map, offload_folder=str(folder / "dispatched"))


logging.getLogger("accelerate").addHandler(Listener(logging.WARNING))
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    cpu = torch.device("cpu")
    first, second = (disk_offload(layers(seed), str(folder / "offloaded"), execution_device=cpu) for seed in (1, 2))
    found["disk_offload: first, second"] = runs_as(first), runs_as(second)
    alone = disk_offload(layers(2), str(folder / "own"), execution_device=cpu)
    found["disk_offload, second in a folder of its own"] = runs_as(alone)
    first = dispatched(1)
    found["load_checkpoint_and_dispatch: first, alone"] = runs_as(first)
    second = dispatched(2)
    found["load_checkpoint_and_dispatch: first, second"] = runs_as(first), runs_as(second)
said += [str(one.message) for one in warned]
said = [text for text in said if "folder" in text or "overwrit" in text or "index" in text]
expected = {
    "disk_offload: first, second": ("first", "first"),
    "disk_offload, second in a folder of its own": "second",
    "load_checkpoint_and_dispatch: first, alone": "first",
    "load_checkpoint_and_dispatch: first, second": ("first, its last layer of the second", "second"),
}
print(f"accelerate {accelerate.__version__}, torch {torch.__version__}")
for what, seen in found.items():
    print(f"  {what}: {seen}{'' if seen == expected.get(what) else '   CHANGED, was ' + str(expected.get(what))}")
print("  said of folders:", said)
sys.exit(found != expected or bool(said))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
