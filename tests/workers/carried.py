"""Renders of two projects that pass through one engine, and what each of them is in a process of its own.

`python -m tests.workers.carried MODEL LORAS` prints the SHA-256 of the pixels of each kind as JSON.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, order, pixels_of, render
from workers.denoising.track import Pixels
from workers.families.base import Family
from workers.pipelines.load import Loaded, load
from workers.protocol import RenderOrder, adapter_file

CACHE = {"kind": "first-block", "threshold": 0.6}
#: By kind: its job (the project, here), its LoRAs and what else it asks for.
KINDS: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "plain": ("one", (), {}),
    "plain of the other": ("other", (), {"prompt": "a boat", "sampler": "dpm++-2m-sde", "guidance_scale": 1.0}),
    "fast": ("one", (), {"speed": "fast", "step_cache": CACHE, "num_inference_steps": 6}),
    "ink": ("other", ("ink",), {}),
    "ink and oil": ("one", ("ink", "oil"), {"seed": 3}),
    "fast ink": ("other", ("ink",), {"speed": "fast", "step_cache": CACHE, "num_inference_steps": 6}),
}
UNFIT = "of another model"


def loaded(folder: Path) -> Loaded:
    """The tiny model as a worker loads it."""
    return load(tiny_pipelines.entry("sana", folder), None, CPU)


def ordered(family: Family, kind: str, loras: Path, render_id: str = "r1", *, alone: bool = True) -> RenderOrder:
    """An order of that kind, whose passes are its own where it is `alone`."""
    job, names, changes = KINDS.get(kind, ("other", (kind,), {}))
    files = {name: loras / f"{name}.safetensors" for name in names}
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    asked = [{"name": name, "weight": 0.8, "sha256": hashes[name]} for name in names]
    found = order(family, render_id, deterministic=alone, loras=asked, **changes)
    inputs = {adapter_file(hashes[name]): str(path) for name, path in files.items()}
    return replace(found, job_id=job, inputs=found.inputs | inputs)


def digest(pixels: Pixels) -> str:
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def main() -> None:
    """Each kind in an engine and a model of its own."""
    torch.set_num_threads(1)
    model, loras = Path(sys.argv[1]), Path(sys.argv[2])
    spool = Path(tempfile.mkdtemp())
    found = {}
    for kind in KINDS:
        family = loaded(model).family
        found[kind] = digest(pixels_of(render(family, spool, [ordered(family, kind, loras)]))["r1"])
    shutil.rmtree(spool)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
