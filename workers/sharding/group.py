"""Rank 0's side of a group: it starts the other ranks, tells them every pass, and ends when one of them does.

An error inside a pass cannot be put right among several ranks, since nobody knows which collectives the
others have entered. So a group that loses a rank, or fails in a pass, ends as a whole and at once: the worker
sees its engine end, its renders go back, and it starts a new group.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

import structlog
import torch
from peft import LoraConfig
from torch import Tensor

from farm.catalog.pool import Sharding
from workers.protocol import GROUP_LOST
from workers.sharding.broadcast import send_tensors, take_apart
from workers.sharding.errors import ShardingFailed
from workers.sharding.learning import Backward, Learning
from workers.sharding.messages import Call, Enlist, Failed, GoBack, Learn, LetGo, Loaded, Meet, Slot, Weights
from workers.sharding.parallelism import split
from workers.sharding.rank import meet_others

log = structlog.get_logger(__name__)

#: One that dies takes others with it: so long for them to say so too, and for the thread that hears it to speak first.
_OTHERS_SECONDS, _LAST_WORDS_SECONDS = 0.2, 2.0


@dataclass(frozen=True)
class _Member:
    """Another rank, seen from rank 0."""

    rank: int
    process: subprocess.Popen[bytes]
    wire: Connection


class RankGroup:
    """All ranks of a pool's sharding, this process being rank 0. It lives as long as the process."""

    def __init__(self, weights: Weights, sharding: Sharding, devices: Sequence[torch.device]) -> None:
        """Start the others; `devices` has one for each rank. Returns when all have loaded. Raises ShardingFailed."""
        self._sharding = sharding
        self._device = devices[0]
        self._step: Learning | None = None  # of training, which is under way
        # Only this user may read it: where the ranks find each other, also for collectives that begin later.
        self._folder = tempfile.TemporaryDirectory(prefix="latent-farm-ranks-", ignore_cleanup_errors=True)
        self._members = [
            _start(rank, Enlist(rank, weights, sharding, str(device), torch.get_num_threads()))
            for rank, device in enumerate(devices[1:], 1)
        ]
        for member in self._members:
            try:
                word = member.wire.recv()
            except EOFError:
                word = Failed(f"it ended with status {_status(member.process)}")
            if not isinstance(word, Loaded):
                self._dismiss()
                reason = word.reason if isinstance(word, Failed) else repr(word)
                raise ShardingFailed(f"rank {member.rank} could not load the transformer: {reason}")

    def lead(self, transformers: Mapping[str, Any]) -> None:
        """Split this rank's transformers, and from then on let the others run each of their passes too."""
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()
        store = str(Path(self._folder.name) / "store")
        self._send(Meet(store))
        meet_others(store, 0, self._sharding, self._device)
        for name, transformer in transformers.items():
            split(transformer, self._sharding, self._device)
            # First of all hooks: FSDP's own gathers weights, for which the others must be on their way.
            transformer.register_forward_pre_hook(partial(self._announce, name), prepend=True, with_kwargs=True)
            transformer.register_forward_hook(self._look_back, always_call=True)

    @contextmanager
    def learning(
        self, transformer: str, slot: str, config: LoraConfig, weights: Mapping[str, Tensor], checkpoints: bool
    ) -> Iterator[Backward]:
        """A step of training by the others too, whose calls are made inside the block.

        What it gives turns a loss and the parameters of the LoRA, which is on here already, into gradients.
        """
        slots = {name: Slot(tuple(weight.shape), weight.dtype) for name, weight in weights.items()}
        self._send(Learn(transformer, slot, config, slots, checkpoints))
        send_tensors(list(weights.values()), self._device)
        self._step = Learning(0, self._sharding.devices)
        try:
            yield self._back
        finally:
            self._step = None
            self._send(LetGo())

    def _back(self, loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
        step = self._step
        if step is None:
            raise RuntimeError("no step of training is under way")
        try:
            gradients = torch.autograd.grad(loss, step.gathered)
            self._send(GoBack([Slot(tuple(each.shape), each.dtype) for each in gradients]))
            send_tensors(list(gradients), self._device)
            found = step.back(gradients, parameters)
        except Exception as error:
            self._fail(f"rank 0 failed in a backward pass: {type(error).__name__}: {error}")
        parts = torch.split(found, [parameter.numel() for parameter in parameters])
        return [part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)]

    def _announce(self, name: str, _module: Any, args: Any, kwargs: Any) -> Any:
        tensors: list[torch.Tensor] = []
        form_of_args, form_of_kwargs = take_apart([args, kwargs], tensors)
        self._send(Call(name, form_of_args, form_of_kwargs))
        send_tensors(tensors, self._device)
        return None if self._step is None else tuple(self._step.own([args, kwargs]))

    def _look_back(self, _module: Any, _args: Any, output: Any) -> Any:
        if output is None:  # the hook is called after an error too
            error = sys.exc_info()[1]
            self._fail(f"rank 0 failed in a pass: {type(error).__name__}: {error}")
        return None if self._step is None else (self._step.computed(output[0]),)

    def _send(self, word: Any) -> None:
        for member in self._members:
            try:
                member.wire.send(word)
            except OSError:
                self._fail(f"rank {member.rank} hears nothing any more")

    def _watch(self) -> None:
        """Wait for the first rank that says anything, since from here on they only speak of failure."""
        wires = [member.wire for member in self._members]
        wait(wires)
        time.sleep(_OTHERS_SECONDS)
        silent = set(wires) - set(wait(wires, 0))
        self._go_down("; ".join(_last_word(member) for member in self._members if member.wire not in silent))

    def _fail(self, reason: str) -> NoReturn:
        """End because of an error here, unless another rank has said what it follows from."""
        time.sleep(_LAST_WORDS_SECONDS)
        self._go_down(reason)

    def _go_down(self, reason: str) -> NoReturn:
        """End this process, and by the closing of their wires the others; also from inside a collective."""
        log.error("the group of ranks ends, and its renders go back", reason=reason)
        self._folder.cleanup()
        sys.stderr.flush()
        os._exit(GROUP_LOST)

    def _dismiss(self) -> None:
        for member in self._members:
            member.process.kill()
            member.process.wait()


def _start(rank: int, enlist: Enlist) -> _Member:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.sharding.rank", "--fd", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    wire = Connection(ours.detach())
    wire.send(enlist)
    return _Member(rank, process, wire)


def _last_word(member: _Member) -> str:
    """Why a rank cannot go on, which has said so or is dead."""
    try:
        word = member.wire.recv()
    except (EOFError, OSError):
        return f"rank {member.rank} ended with status {_status(member.process)}"
    return f"rank {member.rank} failed: {word.reason if isinstance(word, Failed) else word!r}"


def _status(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a process that has closed its wire, and is made to end if it lingers."""
    try:
        return process.wait(_LAST_WORDS_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
