"""The transformers of a loaded pipeline onto the devices of its pool; other parts lie beside rank 0 already."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from farm.catalog.pool import PoolEntry, Sharding
from farm.catalog.schema import ModelEntry
from workers.pipelines.compile import choose_attention
from workers.sharding.errors import ShardingFailed
from workers.sharding.group import RankGroup
from workers.sharding.layer_placement import spread
from workers.sharding.messages import Weights
from workers.sharding.parallelism import check_splits


def place(
    pipeline: Any,
    folder: Path,
    entry: ModelEntry,
    pool: PoolEntry,
    sharding: Sharding,
    device: torch.device,
    transformers: Sequence[str] = ("transformer",),
) -> RankGroup | None:
    """Split the pipeline's `transformers`, which are on the CPU, each as the pool says, beginning at `device`.

    Gives the group of ranks where there is one. Raises ShardingFailed, CompilingFailed.
    """
    devices = _devices(sharding, device)
    parts = {name: getattr(pipeline, name) for name in transformers}
    for transformer in parts.values():
        choose_attention(transformer, pool)
        if sharding.by == "layers":
            spread(transformer, devices)
        else:
            check_splits(transformer, sharding, device)
    if sharding.by == "layers":
        return None
    weights = Weights(
        {name: type(transformer) for name, transformer in parts.items()},
        str(folder),
        entry.source.variant,
        {name: getattr(torch, entry.dtype.get(name, entry.dtype["default"])) for name in parts},
        None if entry.source.pickle else True,
        pool.attention,
    )
    group = RankGroup(weights, sharding, devices)
    group.lead(parts)
    return group


def _devices(sharding: Sharding, first: torch.device) -> list[torch.device]:
    """One for each part: GPUs that follow each other; on the CPU the same one for all, which is for tests."""
    if first.type == "cpu":
        return [first] * sharding.devices
    begin, seen = first.index or 0, torch.cuda.device_count()
    if begin + sharding.devices > seen:
        raise ShardingFailed(
            f"sharding takes {sharding.devices} devices from cuda:{begin} on, and torch sees {seen}; check "
            "CUDA_VISIBLE_DEVICES, or set fewer devices"
        )
    return [torch.device("cuda", index) for index in range(begin, begin + sharding.devices)]
