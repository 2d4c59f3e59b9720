"""Two renders that share passes, and one alone, on one device and on several: how far the latents are apart.

`python -m tests.workers.sharded FAMILY FOLDER BY DEVICES DTYPE` prints it as JSON. A process of its own, because
this one becomes rank 0 of a group.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from farm.catalog import PoolEntry
from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, batch, order, run, watch_latents
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.pipelines.load import load


def main() -> None:
    family, folder, by, devices, dtype = sys.argv[1:]
    torch.set_num_threads(1)
    dtypes = {"default": dtype} | ({"vae": "float32"} if family in tiny_pipelines.CLIPS else {})
    entry = tiny_pipelines.entry(family, folder, dtype=dtypes)
    pool = PoolEntry.model_validate(
        {"name": "p", "model": entry.name, "sharding": {"by": by, "devices": int(devices)}, "device": "cpu"}
    )
    whole = load(entry, None, CPU).family
    parted = load(entry, pool, CPU).family
    expected, found = _latents(whole), _latents(parted)
    json.dump(
        {
            "differences": {name: float((expected[name] - found[name]).abs().max()) for name in expected},
            "parameters": _parameters(whole.pipeline.transformer),
            "kept": _parameters(parted.pipeline.transformer),
        },
        sys.stdout,
    )


def _latents(family: Family) -> dict[str, torch.Tensor]:
    """What the VAE is given of three renders."""
    seen = watch_latents(family)
    with TemporaryDirectory() as spool:
        engine = Engine(family, Path(spool))
        engine.admit(batch([order(family, "a", seed=1), order(family, "b", seed=2, guidance_scale=1.0)], "shared"))
        run(engine)
        engine.admit(batch([order(family, "c", seed=3)], "alone"))
        run(engine)
    return seen


def _parameters(transformer: Any) -> int:
    """How many parameters this process holds."""
    return sum(
        (parameter.to_local() if hasattr(parameter, "to_local") else parameter).numel()
        for parameter in transformer.parameters()
    )


if __name__ == "__main__":
    main()
