"""A pipeline that was read becomes one that renders as its pool says: precision, attention, compiled, in its places."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from farm.catalog.pool import PoolEntry
from farm.catalog.schema import ModelEntry
from workers.pipelines.compile import choose_attention, compile_blocks
from workers.pipelines.offload import place_others, place_text_encoder, place_transformer
from workers.pipelines.precision import cast_layers, quantization_of, restore_zero_rows


def prepare_pipeline(
    pipeline: Any,
    folder: Path,
    entry: ModelEntry,
    pool: PoolEntry | None,
    device: torch.device,
    transformers: Sequence[str] = ("transformer",),
) -> None:
    """Give a pipeline that lies in host memory its places and settings; without a pool, all on the device.

    For a model on several devices (`sharding`) only what is not among the `transformers`: those are split elsewhere.

    Raises OffloadingFailed, CompilingFailed.
    """
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part.eval().requires_grad_(False)
    if pool is None:
        pipeline.to(device)
        return
    quantization = quantization_of(pool, transformers)
    cast_layers(pipeline, quantization)
    restore_zero_rows(pipeline, quantization)
    for name in transformers if pool.sharding is None else ():
        transformer = getattr(pipeline, name)
        choose_attention(transformer, pool)
        place_transformer(transformer, pool, device)
        compile_blocks(transformer, pool, device)
    place_text_encoder(pipeline, folder, entry, pool, device)
    place_others(pipeline, device, apart=(*transformers, "text_encoder"))
