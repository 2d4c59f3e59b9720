"""The same training on one device and on several: how far apart it is, and whether it goes on to the bit."""

import hashlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.torch import load_file

from tests.workers.orders import batch, order, pixels_of, render, run, saved_paths, with_checkpoint
from tests.workers.training.trainings import clips, training_order
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import FromEngine, Rendered, RenderFailed, RenderOrder, adapter_file

#: Passes before the interruption: a sample, two steps, a sample, and one step of two.
_TAKEN = 7


def compare_trainings(whole: Family, parted: Family, changes: dict[str, Any]) -> dict[str, Any]:
    """Of a few steps on each."""
    changes = dict(changes)
    if changes.pop("clips", False):
        changes["clips"] = clips()
    with TemporaryDirectory() as one, TemporaryDirectory() as several, TemporaryDirectory() as again:
        asked = training_order(parted, **changes)
        expected = _ended(render(whole, Path(one), [asked]))
        found = _ended(render(parted, Path(several), [asked]))
        resumed = _resumed(parted, Path(again), asked)
        weights, others = (load_file(str(each.adapter_path)) for each in (expected, found))
        return {
            "apart": max(float((weights[name] - others[name]).abs().max()) for name in weights),
            "learnt": max(float(weights[name].abs().max()) for name in weights if "lora_B" in name),
            "losses": [expected.losses, found.losses],
            "resumed": [_bytes(found) == _bytes(resumed), found.losses == resumed.losses],
            "rendered": [
                _rendered(whole, Path(one), expected, changes),
                _rendered(parted, Path(again), found, changes),
            ],
        }


def _resumed(family: Family, spool: Path, asked: RenderOrder) -> Rendered:
    engine = Engine(family, spool)
    engine.admit(batch([asked]))
    run(engine, steps=1 + _TAKEN)
    path = saved_paths(engine)["t1"]
    engine = Engine(family, spool)
    engine.admit(batch([with_checkpoint(asked, path)]))
    return _ended(run(engine))


def _rendered(family: Family, spool: Path, trained: Rendered, changes: dict[str, Any]) -> int:
    """How far the last sample is from a render with the finished LoRA, in steps of 255."""
    data = _bytes(trained)
    sha256 = hashlib.sha256(data).hexdigest()
    lora = {"name": "fox", "weight": 1.0, "sha256": sha256, "expert": changes.get("expert")}
    asked = order(family, "plain", num_inference_steps=2, sampler="euler", loras=[lora])
    asked = replace(asked, inputs=asked.inputs | {adapter_file(sha256): str(trained.adapter_path)})
    [made] = pixels_of(render(family, spool, [asked])).values()
    sheet = np.load(trained.pixels_path)
    return int(np.abs(made.astype(int) - sheet[..., 32:64, 0:32, :]).max())


def _ended(said: list[FromEngine]) -> Rendered:
    failed = [message.reason for message in said if isinstance(message, RenderFailed)]
    assert not failed, failed
    return next(message for message in said if isinstance(message, Rendered) and message.adapter_path)


def _bytes(rendered: Rendered) -> bytes:
    return Path(str(rendered.adapter_path)).read_bytes()
