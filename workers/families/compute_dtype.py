"""The dtype that a model computes in, without asking all of its modules for it at every pass."""

from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch import nn

#: Of each model, the dtype of its first parameter when it was asked, and what it said.
_SAID: WeakKeyDictionary[nn.Module, tuple[torch.dtype | None, torch.dtype]] = WeakKeyDictionary()


def compute_dtype(model: nn.Module) -> torch.dtype:
    """`model.dtype`, asked again only after the model was converted.

    diffusers (0.42) looks for casting hooks on every module: 1 ms for the demo's transformer of a few MB, many for one
    of forty blocks, and a pass asks twice.
    """
    first = next(model.parameters(), None)
    stored = None if first is None else first.dtype
    said = _SAID.get(model)
    if said is None or said[0] != stored:
        said = _SAID[model] = stored, cast(torch.dtype, model.dtype)
    return said[1]
