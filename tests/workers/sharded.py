"""Two renders that share passes, and one alone, on one device and on several: how far the latents are apart.

`python -m tests.workers.sharded` reads questions, `[FAMILY, FOLDER, BY, DEVICES, DTYPE]` as JSON in a line each, and
prints an answer to each; with the changes to a small training behind them it trains a LoRA instead. It has imported
torch once, and forks all ranks of each question: processes of their own, as in a farm, where importing takes ten times
as long as these renders do.
"""

import json
import os
import socket
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

import psutil
import torch
from torch.distributed.fsdp import FSDPModule

from farm.catalog import PoolEntry
from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, aligned, batch, order, run, watch_latents
from tests.workers.training.on_ranks import compare_trainings
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.families.family_registry import find_family
from workers.pipelines.load import load
from workers.sharding import group, rank


def main() -> None:
    """Answer until the questions end. A forked child never returns: what is cleared away at the end is its parent's."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries and we log is no answer
    torch.set_num_threads(1)
    for name in tiny_pipelines.STEPS:
        find_family(tiny_pipelines.family_of(name))
    for line in sys.stdin:
        question = json.loads(line)
        wires = [socket.socketpair() for _ in range(question[3] - 1)]
        pids = []
        for _, theirs in wires:
            pids.append(os.fork())
            if pids[-1] == 0:
                kept = theirs.detach()
                _close(wires)
                os._exit(rank.main(["--fd", str(kept)]))
        pids.append(os.fork())
        if pids[-1] == 0:
            _be_rank_0(wires, pids[:-1])
            os._exit(_say(answers, question))
        _close(wires)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        if any(statuses):
            print(json.dumps({"failed": statuses}), file=answers, flush=True)


def _say(answers: TextIO, question: Sequence[Any]) -> int:
    try:
        with TemporaryDirectory() as scratch:
            tempfile.tempdir = scratch
            print(json.dumps(compare(*question)), file=answers, flush=True)
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _close(wires: Sequence[tuple[socket.socket, socket.socket]]) -> None:
    for pair in wires:
        for end in pair:
            end.close()


def _be_rank_0(wires: Sequence[tuple[socket.socket, socket.socket]], pids: Sequence[int]) -> None:
    """The others are there already: what starts them only has to tell them their part."""

    def start(number: int, enlist: Any) -> Any:
        wire = group.Connection(wires[number - 1][0].detach())
        wire.send(enlist)
        return group._Member(number, psutil.Process(pids[number - 1]), wire)  # type: ignore[arg-type]

    for _, theirs in wires:
        theirs.close()
    group._start = start


def compare(
    family: str, folder: str, by: str, devices: int, dtype: str, training: dict[str, Any] | None = None
) -> dict[str, Any]:
    """How far the latents are apart, and how many parameters there are and rank 0 keeps; or the same of a training."""
    dtypes = {"default": dtype} | ({"vae": "float32"} if family in tiny_pipelines.CLIPS else {})
    entry = tiny_pipelines.entry(family, folder, dtype=dtypes)
    pool = PoolEntry.model_validate(
        {"name": "p", "model": entry.name, "sharding": {"by": by, "devices": devices}, "device": "cpu"}
    )
    whole, parted = (aligned(load(entry, asked, CPU).family) for asked in (None, pool))
    if training is not None:
        return compare_trainings(whole, parted, training)
    expected, found = _latents(whole), _latents(parted)
    return {
        "differences": {name: float((expected[name] - found[name]).abs().max()) for name in expected},
        "parameters": _parameters(whole.pipeline.transformer),
        "kept": _parameters(parted.pipeline.transformer),
        "noted": _noted(parted.pipeline.transformer),
    }


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


def _noted(transformer: torch.nn.Module) -> int:
    """How many blocks FSDP has noted down for a backward pass."""
    if not isinstance(transformer, FSDPModule):
        return 0
    return len(transformer._get_fsdp_state()._comm_ctx.post_forward_order)


def _parameters(transformer: Any) -> int:
    """How many parameters this process holds."""
    return sum(
        (parameter.to_local() if hasattr(parameter, "to_local") else parameter).numel()
        for parameter in transformer.parameters()
    )


if __name__ == "__main__":
    main()
