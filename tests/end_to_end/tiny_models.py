"""Farms that render tiny models of any family, and what diffusers makes of the same."""

import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image, ImageSequence

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, call_pipeline
from workers.families.family_registry import find_family

Frames = np.ndarray[Any, Any]


def tiny_entry(family: str, folder: Path) -> dict[str, Any]:
    """The family's tiny model, stored in `folder`, as a catalog has it."""
    entry = tiny_pipelines.entry(family, tiny_pipelines.save(family, folder / "models" / family))
    return entry.model_dump(mode="json", exclude_unset=True, exclude={"name"})


def tiny_farm(folder: Path, models: Mapping[str, dict[str, Any]]) -> Iterator[RunningFarm]:
    """A farm in `folder` that knows these models beside the demo's, and has a worker for each of these alone."""
    pools = {f"{name}-local": {"extends": "local", "model": name, "max_batch": 4} for name in models}
    overlay = folder / "tiny.yaml"
    overlay.write_text(yaml.safe_dump({"models": dict(models), "pools": pools}))

    def settings(data: Path) -> Settings:
        quick = quick_settings(data)
        return quick.model_copy(update={"catalog": [*quick.catalog, overlay]})

    no_demo = {"sana-demo-local": 0, "sprint-demo-local": 0, "wan-demo-local": 0}
    yield from running_farm(folder / "farm", settings, workers=no_demo)


def frames_in(data: bytes) -> Frames:
    """The frames of a stored clip, (frames, height, width, 3)."""
    with Image.open(io.BytesIO(data)) as opened:
        return np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(opened)])


def by_diffusers(family: str, parameters: dict[str, Any]) -> Frames:
    """The same clip by the pipeline's own call, with the files of the tests that the parameters name.

    On one thread, as the pools of this machine render: two add up in another order. From files, as a worker has it: on
    some processors last bits depend on how weights are aligned, and those of a mapped file lie where its header ends.
    """
    torch.set_num_threads(1)
    kind = find_family(tiny_pipelines.family_of(family))
    built = tiny_pipelines.build(family)
    with tempfile.TemporaryDirectory() as folder:
        built.save_pretrained(folder)
        made = kind(type(built).from_pretrained(folder), tiny_pipelines.entry(family), CPU)
    return (np.asarray(call_pipeline(made, parameters, "np")[0]) * 255).round().astype(np.uint8)
