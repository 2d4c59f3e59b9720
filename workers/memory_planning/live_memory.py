"""How much memory a computation holds at its peak, read from running it with tensors that have no data.

On torch's meta device every operation says the shape and dtype of its results and computes nothing, so that the pass
of a model that no machine here could hold takes a second or two. Tensors are counted while something refers to them,
as an allocator would: views share their storage, what is forgotten is free again.
"""

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(compute: Callable[[], Any], given: Iterable[Tensor] = (), repeated: nn.Module | None = None) -> int:
    """The most bytes that tensors of `compute` held at one time, those it was `given` included.

    Weights are counted only if they are among the given ones. Attention counts its result and no table of scores, as
    the fused kernels of GPUs do it. `repeated`: a part that `compute` calls with one tensor at a time, often of the
    same shape; it is run once for each shape (:meth:`LiveMemory.repeating`).
    """
    live = LiveMemory(given)
    if repeated is not None:
        repeated.forward = live.repeating(repeated.forward)
    with torch.no_grad(), _FusedAttention(), live:
        compute()
    return live.peak


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is active, counts the bytes of all storages that operations make and that still live."""

    def __init__(self, given: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.peak = 0
        self._seen: dict[int, int] = {}  # address of a storage → bytes
        for tensor in given:
            self._count(tensor)

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # What an operation is given is known already, unless it is a weight.
        weights = {_storage(tensor)._cdata for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)}
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and _storage(tensor)._cdata not in weights:
                self._count(tensor)
        return made

    def repeating(self, call: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """The same call, run once for each shape: later what it needed is added to what lives then."""
        known: dict[torch.Size, tuple[int, torch.Size]] = {}  # shape → bytes at its peak beside the rest, its result's

        def repeated(given: Tensor) -> Tensor:
            if given.shape in known:
                needed, shape = known[given.shape]
                self.peak = max(self.peak, self.now + needed)
                return given.new_empty(shape)
            before, peak = self.now, self.peak
            self.peak = before
            made = call(given)
            known[given.shape] = self.peak - before, made.shape
            self.peak = max(self.peak, peak)
            return made

        return repeated

    def _count(self, tensor: Tensor) -> None:
        storage = _storage(tensor)
        address = storage._cdata
        if address in self._seen:
            return
        self._seen[address] = storage.nbytes()
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, address)

    def _forget(self, address: int) -> None:
        self.now -= self._seen.pop(address, 0)


class _FusedAttention(TorchFunctionMode):
    """Scaled dot product attention as one operation: on the meta device it would fall back to the table of scores."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            given = dict(zip(("query", "key", "value"), args, strict=False)) | dict(kwargs or {})
            query, value = given["query"], given["value"]
            return query.new_empty((*query.shape[:-1], value.shape[-1]))
        return func(*args, **(kwargs or {}))


def _storage(tensor: Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()
