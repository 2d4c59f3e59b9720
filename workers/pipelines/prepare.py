"""A pipeline that was read becomes one that renders as its pool says: precision, attention, compiled, in its places."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from farm.catalog.pool import PoolEntry
from farm.catalog.schema import ModelEntry
from workers.pipelines.compile import choose_attention, compile_blocks
from workers.pipelines.offload import place_others, place_text_encoder, place_transformer
from workers.pipelines.precision import cast_layers, restore_zero_rows


def prepare_pipeline(
    pipeline: Any, folder: Path, entry: ModelEntry, pool: PoolEntry | None, device: torch.device
) -> None:
    """Give a pipeline that lies in host memory its places and settings; without a pool, all on the device.

    For a model on several devices (`sharding`) only what is not the transformer: that one is split elsewhere.

    Raises OffloadingFailed, CompilingFailed.
    """
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    if pool is None:
        pipeline.to(device)
        return
    cast_layers(pipeline, pool)
    restore_zero_rows(pipeline, pool)
    if pool.sharding is None:
        choose_attention(pipeline.transformer, pool)
        place_transformer(pipeline, pool, device)
        compile_blocks(pipeline.transformer, pool)
    place_text_encoder(pipeline, folder, entry, pool, device)
    place_others(pipeline, device)
