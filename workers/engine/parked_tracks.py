"""Tracks that wait while others step. What they hold on the device is moved to host memory meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import structlog
import torch
from torch import Tensor

from workers.denoising.out_of_memory import is_out_of_memory
from workers.denoising.track import Track
from workers.protocol import RenderOrder

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SwappedOut:
    """A parked track. `moved` says which of its tensors, by id(), were on the device and go back there."""

    track: Track
    moved: frozenset[int]

    @property
    def render_id(self) -> str:
        return self.track.order.render_id

    @property
    def order(self) -> RenderOrder:
        return self.track.order

    def swap_in(self, device: torch.device) -> Track:
        """The track as it was. What does not fit raises, and may be tried again."""
        each_tensor(self.track, lambda tensor: tensor.to(device) if id(tensor) in self.moved else tensor)
        return self.track


def swap_out(track: Track) -> SwappedOut | None:
    """Move the tensors of a track to host memory. The caller lets the track rest until it is `swap_in`.

    None without memory for it: it is as it was, and may step on.
    """
    moved = []

    def to_host(tensor: Tensor) -> Tensor:
        if tensor.device.type == "cpu":
            return tensor
        there = tensor.cpu()
        moved.append(id(there))
        return there

    try:
        each_tensor(track, to_host)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        log.warning("no host memory to swap a render out", render=track.order.render_id)
        return None
    return SwappedOut(track, frozenset(moved))


def each_tensor(track: Track, move: Callable[[Tensor], Tensor]) -> None:
    """Replace each tensor of the track and of its sampler's memory by `move(tensor)`; all of them or, when that
    raises, none.
    """
    sampler = {name: _moved(value, move) for name, value in vars(track.sampler).items()}
    values = {name: _moved(value, move) for name, value in vars(track).items() if name != "sampler"}
    track.sampler.__dict__.update(sampler)
    track.__dict__.update(values)


def _moved(value: Any, move: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return move(value)
    if isinstance(value, list):
        return [_moved(part, move) for part in value]
    if type(value) is dict:
        return {name: _moved(part, move) for name, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        tensors = {name: part for name, part in parts.items() if isinstance(part, Tensor)}
        return replace(value, **{name: move(part) for name, part in tensors.items()}) if tensors else value
    return value
