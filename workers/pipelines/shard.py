"""The transformer of a loaded pipeline onto the devices of its pool; the other parts lie beside rank 0 already."""

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
    pipeline: Any, folder: Path, entry: ModelEntry, pool: PoolEntry, sharding: Sharding, device: torch.device
) -> None:
    """Split the pipeline's transformer, which is on the CPU, as the pool says, beginning at `device`.

    Raises ShardingFailed, CompilingFailed.
    """
    devices = _devices(sharding, device)
    transformer = pipeline.transformer
    choose_attention(transformer, pool)
    if sharding.by == "layers":
        spread(transformer, devices)
    else:
        check_splits(transformer, sharding, device)
        dtype = getattr(torch, entry.dtype.get("transformer", entry.dtype["default"]))
        weights = Weights(
            type(transformer),
            str(folder),
            entry.source.variant,
            dtype,
            None if entry.source.pickle else True,
            pool.attention,
        )
        RankGroup(weights, sharding, devices).lead(transformer)


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
