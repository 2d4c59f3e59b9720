"""A step of training on all ranks of a group: each takes a part of the rows, and their gradients are added up.

The frozen weights lie in parts on all ranks (FSDP2) and are gathered block by block, forward and back; the LoRA is
whole on each. Rank 0 alone knows of losses, examples and optimisers: it sends the LoRA as it is, is given all
predictions, says what the loss changes by with each of them, and gets the sum of the gradients. So what is kept of a
training, and how it goes on, is that of one device.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
import torch.distributed as dist
from torch import Tensor

from workers.sharding.broadcast import put_together, take_apart

#: From a loss and the parameters of a LoRA to what it changes by with each of these.
Backward: TypeAlias = Callable[[Tensor, Sequence[Tensor]], Sequence[Tensor]]


class Learning:
    """One rank's part in a step of training.

    Parameters:
        rank, ranks: which of how many it is.
    """

    def __init__(self, rank: int, ranks: int) -> None:
        self._rank = rank
        self._ranks = ranks
        self._outputs: list[Tensor] = []  # of each call this rank's, with the graph behind it
        self._gathered: list[Tensor] = []  # rank 0: of each call all rows, as the loss sees them
        self._rows: list[int] = []

    @property
    def gathered(self) -> list[Tensor]:
        """Rank 0: the predictions of each call, in its order."""
        return self._gathered

    def own(self, call: Any) -> Any:
        """The arguments of a call with the rows that this rank computes."""
        tensors: list[Tensor] = []
        form = take_apart(call, tensors)
        rows = tensors[0].shape[0]  # the latents come first
        self._rows.append(rows)
        places = rows_of(rows, self._rank, self._ranks)
        return put_together(form, iter([_take(tensor, rows, places) for tensor in tensors]))

    def computed(self, output: Tensor) -> Tensor | None:
        """Keep what this rank computed. Rank 0: all rows, which the loss is taken of; others: None."""
        self._outputs.append(output)
        parts = _at_rank_0(output.detach(), self._rank, self._ranks)
        if not parts:
            return None
        self._gathered.append(torch.cat(parts)[: self._rows[-1]].requires_grad_())
        return self._gathered[-1]

    def back(self, gradients: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
        """All gradients of the LoRA in a row; at rank 0 the sum over the ranks.

        gradients: what the loss changes by with all rows of each call.
        """
        found = torch.zeros(sum(parameter.numel() for parameter in parameters), device=parameters[0].device)
        for output, whole in zip(self._outputs, gradients, strict=True):
            mine = own_gradient(whole, self._rank, self._ranks)
            parts = torch.autograd.grad(output, parameters, mine)
            found += torch.cat([part.flatten().float() for part in parts])
        dist.reduce(found, dst=0)
        return found


def rows_of(rows: int, rank: int, ranks: int) -> list[int]:
    """The rows that a rank computes, as many as the others: all must take part in each gather of weights. Where rows
    do not go round the last is computed more than once, and counts once.
    """
    each = -(-rows // ranks)
    return [min(row, rows - 1) for row in range(rank * each, (rank + 1) * each)]


def own_gradient(whole: Tensor, rank: int, ranks: int) -> Tensor:
    """Of what the loss changes by with all rows the part of those that a rank computes; 0 where another counts."""
    rows = whole.shape[0]
    places = rows_of(rows, rank, ranks)
    mine = whole[places].clone()
    mine[max(0, rows - rank * len(places)) :] = 0
    return mine


@contextmanager
def checkpointing(transformer: Any, *, asked: bool) -> Iterator[None]:
    """The transformer with gradient checkpointing until the block ends, where it is asked for."""
    if not asked:
        yield
        return
    transformer.enable_gradient_checkpointing()
    try:
        yield
    finally:
        transformer.disable_gradient_checkpointing()


def _take(tensor: Tensor, rows: int, places: Sequence[int]) -> Tensor:
    """These rows of a call's tensor, which may have several entries for each (two pictures of one clip)."""
    each, rest = divmod(tensor.shape[0], rows)
    if rest:
        raise ValueError(f"{rows} rows cannot be told apart in a tensor of {tuple(tensor.shape)}")
    return torch.cat([tensor[place * each : (place + 1) * each] for place in places])


def _at_rank_0(mine: Tensor, rank: int, ranks: int) -> list[Tensor]:
    """What each rank has, in their order; at other ranks nothing. As bytes: gloo does not know every dtype."""
    flat = mine.contiguous().view(-1).view(torch.uint8)
    parts = [torch.empty_like(flat) for _ in range(ranks)] if rank == 0 else None
    dist.gather(flat, parts, dst=0)
    return [part.view(mine.dtype).view(mine.shape) for part in parts or ()]
