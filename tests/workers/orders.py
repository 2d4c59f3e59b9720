"""Renders to order in the engine's tests, and a loop that takes them to their end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from farm.params import parse_parameters, shape_of
from tests.workers import tiny_pipelines
from workers.engine import Engine
from workers.families import Family, find_family
from workers.protocol import BatchEnded, FromEngine, RenderBatch, RenderOrder

CPU = torch.device("cpu")


def parameters(family: str, **changes: Any) -> dict[str, Any]:
    """Complete parameters of a small render, as `renders.parameters` holds them."""
    values: dict[str, Any] = {
        "family": family,
        "prompt": "a red fox",
        "seed": 11,
        "width": 32,
        "height": 32,
        "num_inference_steps": {"sana": 4, "sprint": 2, "wan": 3}[family],
        "guidance_scale": 5.3,  # no power of two, so that rounding shows
        "sampler": tiny_pipelines.SAMPLERS[family][0],
        "max_sequence_length": tiny_pipelines.TOKENS,
    }
    if family != "wan":
        values["complex_human_instruction"] = False
    if family != "sprint":
        values |= {"negative_prompt": "grey", "flow_shift": 3.0}
    if family == "wan":
        values |= {"num_frames": 5, "fps": 8}
    return values | changes


def order(family: Family, render_id: str = "r1", attempt: int = 1, **changes: Any) -> RenderOrder:
    """An order for that family's model, in the shape that the farm would store."""
    values = parameters(family.entry.family, **changes)
    shape = shape_of(parse_parameters(values), family.entry)
    return RenderOrder(render_id, attempt, "job", values, shape.width, shape.height, shape.frames)


def tiny_family(name: str, dtype: torch.dtype = torch.float32, **changes: Any) -> Family:
    """The family around a fresh tiny pipeline; the VAE of Wan stays in float32, as its models ask."""
    pipeline = tiny_pipelines.build(name, sample_size=changes.pop("sample_size", 2))
    for part in (pipeline.transformer, pipeline.text_encoder, *([] if name == "wan" else [pipeline.vae])):
        part.to(dtype)
    return find_family(name)(pipeline, tiny_pipelines.entry(name, **changes), CPU)


def batch(orders: Sequence[RenderOrder], batch_id: str = "b1") -> RenderBatch:
    return RenderBatch(batch_id, list(orders))


def run(engine: Engine, *, steps: int = 10_000) -> list[FromEngine]:
    """Turn the loop until the engine is idle, or that many times; everything it said."""
    said: list[FromEngine] = []
    while not engine.idle and steps > 0:
        said.extend(engine.step())
        steps -= 1
    return said


def render(family: Family, spool: Path, orders: Sequence[RenderOrder]) -> list[FromEngine]:
    """Admit all together and run to the end."""
    engine = Engine(family, spool)
    engine.admit(batch(orders))
    said = run(engine)
    assert isinstance(said[-1], BatchEnded)
    return said
