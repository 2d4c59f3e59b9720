"""Another rank of a group: `python -m workers.sharding.rank --fd N`, started by rank 0.

It loads the transformer (or both of two), joins, and runs every pass that rank 0 announces. It ends when rank 0 does,
and rank 0 ends when it does: what is left of a group cannot go on.
"""

import argparse
import os
import queue
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import structlog
import torch
import torch.distributed as dist
from diffusers.utils import logging as diffusers_logging

from farm.catalog.pool import Sharding
from farm.logs import configure_logging
from farm.settings import load_settings
from workers.denoising.lora import Adapters
from workers.parent_death import belong_to_parent
from workers.sharding.broadcast import put_together, receive_tensors
from workers.sharding.learning import Learning, checkpointing
from workers.sharding.messages import Call, Enlist, Failed, GoBack, Learn, LetGo, Loaded, Meet, Weights
from workers.sharding.parallelism import split

log = structlog.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until rank 0 ends, which ends this process at once. Returns 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m workers.sharding.rank", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="our end of a socket pair, inherited")
    belong_to_parent()  # as rank 0 does: Ctrl-C is for the worker
    wire = Connection(parser.parse_args(arguments).fd)
    configure_logging(load_settings())
    words: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(wire, words), name="rank-0", daemon=True).start()
    try:
        _serve(wire, words)
    except Exception as error:
        log.exception("a rank failed")
        wire.send(Failed(f"{type(error).__name__}: {error}"))
    return 1


def _listen(wire: Connection, words: "queue.Queue[Any]") -> None:
    """Hear rank 0 even inside a collective that will never end, because rank 0 is gone."""
    try:
        while True:
            words.put(wire.recv())
    except (EOFError, OSError):
        os._exit(0)


def _serve(wire: Connection, words: "queue.Queue[Any]") -> None:
    enlist: Enlist = words.get()
    device = torch.device(enlist.device)
    torch.set_num_threads(enlist.threads)
    diffusers_logging.set_verbosity_error()
    weights = enlist.weights
    transformers = {name: _read(name, weights) for name in weights.transformers}
    wire.send(Loaded())
    meet: Meet = words.get()
    meet_others(meet.store, enlist.rank, enlist.sharding, device)
    for transformer in transformers.values():
        split(transformer, enlist.sharding, device)
    log.info("a rank has joined", rank=enlist.rank, device=str(device))
    adapters = _adapters(transformers, device)
    with torch.no_grad():
        while True:
            word: Call | Learn = words.get()
            if isinstance(word, Learn):
                learning = Learning(enlist.rank, enlist.sharding.devices)
                _learn(word, words, learning, transformers[word.transformer], adapters[word.transformer], device)
                continue
            args, kwargs = _arguments(word, device)
            transformers[word.transformer](*args, **kwargs)


def _learn(
    learn: Learn, words: "queue.Queue[Any]", learning: Learning, transformer: Any, adapters: Adapters, device: Any
) -> None:
    """Take part in a step of training until rank 0 has ended it."""
    weights = dict(zip(learn.weights, receive_tensors(list(learn.weights.values()), device), strict=True))
    lent = adapters.lend(learn.slot, learn.config, weights)
    with torch.enable_grad(), lent as parameters, checkpointing(transformer, asked=learn.gradient_checkpointing):
        while not isinstance(word := words.get(), LetGo):
            if isinstance(word, GoBack):
                learning.back(list(receive_tensors(list(word.gradients), device)), parameters)
                continue
            args, kwargs = learning.own(_arguments(word, device))
            learning.computed(transformer(*args, **kwargs)[0])


def _arguments(call: Call, device: torch.device) -> Any:
    """The arguments of a call, by place and by name, with all rows."""
    return put_together([call.args, call.kwargs], receive_tensors([call.args, call.kwargs], device))


def _adapters(transformers: Mapping[str, Any], device: torch.device) -> dict[str, Adapters]:
    """For each transformer the LoRA that is trained in it; others have effect at rank 0 alone, whose output counts."""
    parts = SimpleNamespace(**transformers, components=transformers)
    return {name: Adapters(parts, most=0, component=name, device=device) for name in transformers}


def _read(name: str, weights: Weights) -> Any:
    """A transformer from its folder, on the CPU."""
    transformer = weights.transformers[name].from_pretrained(
        weights.folder,
        subfolder=name,
        torch_dtype=weights.dtypes[name],
        variant=weights.variant,
        use_safetensors=weights.use_safetensors,
        local_files_only=True,
    )
    transformer.eval().requires_grad_(False)
    if weights.attention is not None:
        transformer.set_attention_backend(weights.attention)
    return transformer


def meet_others(store: str, rank: int, sharding: Sharding, device: torch.device) -> None:
    """Make the process group: nccl between GPUs, gloo between processes on the CPU. Returns when all are there."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # All ranks are on this machine, so nothing needs to be heard from outside of it.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"file://{store}",
        rank=rank,
        world_size=sharding.devices,
        device_id=device if device.type == "cuda" else None,
    )


if __name__ == "__main__":
    raise SystemExit(main())
