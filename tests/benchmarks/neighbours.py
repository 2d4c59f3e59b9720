"""What a render's neighbours do to it: how far it is from what it is alone, by the size of its passes and by precision.

    make bench NAME=neighbours        about three minutes on a quiet core
    .venv/bin/python -m tests.benchmarks.neighbours --quick

Each demo model renders one prompt and seed alone, and again in batches with others. Told are the largest difference
of the last latents, as a part of their largest value, and of the pixels, which have values from 0 to 255. What the
neighbours are asked for must change no bit: only their number may.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from farm.catalog import load_catalog
from farm.params import JobRequest, resolve, shape_of
from farm.settings import load_settings
from tests.benchmarks.report import Report
from workers.denoising.track import Pixels, Track
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.pipelines.load import load
from workers.protocol import RenderBatch, Rendered, RenderOrder

MODELS = ("sana-demo", "sprint-demo", "wan-demo")
DTYPES = {"fp32": "float32", "bf16": "bfloat16"}
BATCH_SIZES = (2, 3, 4, 8)
PROMPTS = ("a red circle on a blue background", "a green star on a black background")


def main() -> None:
    """Measure, print, and write build/bench/neighbours.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="one model, one batch size")
    quick = options.parse_args().quick
    torch.set_num_threads(1)  # as the pools of this machine
    report = Report("neighbours", {"models": MODELS, "batch_sizes": BATCH_SIZES, "quick": quick})
    changed = 0.0
    for model in MODELS[: 1 if quick else None]:
        for precision in DTYPES:
            family = _family(model, precision)
            changed += _measure(report, f"{model}, {precision}", family, BATCH_SIZES[: 1 if quick else None])
    report.aim("renders that were changed by what their neighbours were", changed, "<=", 0)
    report.write()


def _measure(report: Report, what: str, family: Family, batch_sizes: tuple[int, ...]) -> int:
    """All batch sizes for one model in one precision; how often the contents of neighbours changed a bit."""
    latents, pixels = _render(family, 1, PROMPTS[0], 1.0)
    changed = 0
    for size in batch_sizes:
        found, seen = _render(family, size, PROMPTS[0], 1.0)
        again, _ = _render(family, size, PROMPTS[1], 3.0)
        changed += not torch.equal(found, again)
        report.measure(
            f"{what}, {size} in a pass: latents, part of their largest",
            float((found - latents).abs().max() / latents.abs().max()),
        )
        difference = np.abs(seen.astype(int) - pixels.astype(int))
        report.measure(f"{what}, {size} in a pass: pixels, largest of 255", float(difference.max()))
        report.measure(f"{what}, {size} in a pass: pixels that differ, %", float(100 * (difference > 0).mean()))
    return changed


def _render(family: Family, size: int, prompt: str, more_guidance: float) -> tuple[torch.Tensor, Pixels]:
    """Last latents and pixels of the same render, in a batch of so many that were asked for something else."""
    seen: dict[str, torch.Tensor] = {}
    decode = type(family).decode

    def watched(tracks: list[Track]) -> Any:
        seen.update({track.order.render_id: family.final_latents(track).float().clone() for track in tracks})
        return decode(family, tracks)

    family.decode = watched  # type: ignore[assignment,method-assign]
    orders = [_order(family, "measured", PROMPTS[0], 7, 0.0)]
    orders += [_order(family, f"n{place}", prompt, 20 + place, more_guidance) for place in range(1, size)]
    pixels: dict[str, Pixels] = {}
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(family, Path(folder))
        engine.admit(RenderBatch("b", orders))
        while not engine.idle:
            for message in engine.step():
                if isinstance(message, Rendered):
                    pixels[message.render_id] = np.load(message.pixels_path)
    return seen["measured"], pixels["measured"]


def _order(family: Family, name: str, prompt: str, seed: int, more_guidance: float) -> RenderOrder:
    entry = family.entry
    request = JobRequest(
        model=entry.name,
        prompt=prompt,
        seed=seed,
        guidance_scale=entry.defaults["guidance_scale"] + more_guidance,
    )
    parameters = resolve(request, entry, max_renders=1, draw_seed=lambda: 1).renders[0]
    shape = shape_of(parameters, entry)
    return RenderOrder(name, 1, "job", parameters.model_dump(), shape.width, shape.height, shape.frames)


def _family(model: str, precision: str) -> Family:
    entry = load_catalog(load_settings()).model(model)
    dtype = {"default": DTYPES[precision]} | ({"vae": "float32"} if entry.family == "wan" else {})
    return load(entry.model_copy(update={"dtype": dtype}), None, torch.device("cpu")).family


if __name__ == "__main__":
    main()
