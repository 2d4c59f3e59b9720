"""A call of the transformer on its way to the other ranks: its form through a pipe, its tensors by broadcast.

The pipe wakes a rank up: waiting for the next call inside a collective would keep a GPU busy and run into the
collective's time limit whenever the farm is idle.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from workers.sharding.messages import Slot


def take_apart(value: Any, tensors: list[Tensor]) -> Any:
    """The value with a Slot for each tensor, which is added to `tensors`. Looks into tuples, lists and dicts."""
    if isinstance(value, Tensor):
        tensors.append(value)
        return Slot(tuple(value.shape), value.dtype)
    if isinstance(value, tuple | list):
        return type(value)(take_apart(part, tensors) for part in value)
    if isinstance(value, dict):
        return {name: take_apart(part, tensors) for name, part in value.items()}
    return value


def put_together(form: Any, tensors: Iterator[Tensor]) -> Any:
    """The value that was taken apart."""
    if isinstance(form, Slot):
        return next(tensors)
    if isinstance(form, tuple | list):
        return type(form)(put_together(part, tensors) for part in form)
    if isinstance(form, dict):
        return {name: put_together(part, tensors) for name, part in form.items()}
    return form


def slots_of(form: Any) -> Iterator[Slot]:
    """The slots of a form, in the order in which its tensors are sent."""
    if isinstance(form, Slot):
        yield form
    elif isinstance(form, tuple | list):
        for part in form:
            yield from slots_of(part)
    elif isinstance(form, dict):
        yield from slots_of(list(form.values()))


def send_tensors(tensors: list[Tensor], device: torch.device) -> None:
    """Rank 0: give these to all ranks."""
    for tensor in tensors:
        _broadcast(tensor.to(device).contiguous())


def receive_tensors(form: Any, device: torch.device) -> Iterator[Tensor]:
    """Other ranks: what rank 0 sends for this form."""
    for slot in slots_of(form):
        tensor = torch.empty(slot.shape, dtype=slot.dtype, device=device)
        _broadcast(tensor)
        yield tensor


def _broadcast(tensor: Tensor) -> None:
    """As bytes: gloo does not know every dtype."""
    dist.broadcast(tensor.view(-1).view(torch.uint8), src=0)
