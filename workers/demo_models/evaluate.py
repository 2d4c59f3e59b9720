"""How often a demo model shows what was asked: held-out captions through the real pipeline's own __call__.

python -m workers.demo_models.evaluate sana-demo --captions 64 --seed 2026
python -m workers.demo_models.evaluate sprint-demo --steps 1
python -m workers.demo_models.evaluate wan-demo --sheet clips.png
python -m workers.demo_models.evaluate wan-demo --autoencoder
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from PIL import Image

from farm.demo.captions import held_out_scenes
from farm.demo.checker import ClipCheck, PictureCheck, check_clip, check_picture
from farm.demo.pair_captions import held_out_pairs
from farm.demo.pair_checker import PairCheck, check_pair
from farm.demo.rates import RATES_FILE
from farm.demo.rates import Rates as StatedRates
from workers.demo_models.clip_decoder import measured as decibels_of_clips

WEIGHTS = Path(__file__).parent / "weights"
USUAL: dict[str, dict[str, Any]] = {
    "sana-demo": {"num_inference_steps": 20, "guidance_scale": 4.5},
    "sana-pair-demo": {"num_inference_steps": 20, "guidance_scale": 2.0},
    "sprint-demo": {"num_inference_steps": 1, "guidance_scale": 4.5},
    "wan-demo": {"num_inference_steps": 20, "guidance_scale": 2.0},
}
"""The parameters that the model cards state their rates for."""

PAIRS = "sana-pair-demo"
"""The model of two shapes, whose captions and checks are others."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How many of `asked` outputs had each attribute right, and how many had all of them."""

    asked: int
    right: dict[str, int]
    all_right: int

    def share(self, attribute: str | None = None) -> float:
        """The share, 0 to 1, of outputs right in one attribute, or in all."""
        return (self.all_right if attribute is None else self.right[attribute]) / self.asked

    def __str__(self) -> str:
        each = ", ".join(f"{name} {count}" for name, count in self.right.items())
        return f"of {self.asked}: {each}; all {self.all_right}"


def load(folder: Path) -> DiffusionPipeline:
    """A model from its folder, whatever its class, in float32."""
    pipeline = DiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def render_pictures(pipeline: DiffusionPipeline, captions: Sequence[str], seed: int, **call: Any) -> list[Image.Image]:
    """One picture for each caption, 128 x 128 unless `call` says otherwise; caption i has seed `seed + i`."""
    if "Sprint" in type(pipeline).__name__ and call.get("num_inference_steps") != 2:
        call = {"intermediate_timesteps": None} | call
    size = {"height": 128, "width": 128, "use_resolution_binning": False}
    images: list[Image.Image] = []
    for start in range(0, len(captions), 8):
        some = list(captions[start : start + 8])
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(some))]
        images += pipeline(some, generator=generators, **(size | call)).images
    return images


def render_clips(
    pipeline: DiffusionPipeline, captions: Sequence[str], seed: int, **call: Any
) -> list[list[Image.Image]]:
    """One clip for each caption, 9 frames of 64 x 64 unless `call` differs; caption i has seed `seed + i`."""
    size = {"height": 64, "width": 64, "num_frames": 9, "output_type": "pil"}
    found: list[list[Image.Image]] = []
    for start in range(0, len(captions), 8):
        some = list(captions[start : start + 8])
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(some))]
        found += pipeline(some, generator=generators, **(size | call)).frames
    return found


def count(checks: Sequence[PictureCheck] | Sequence[ClipCheck] | Sequence[PairCheck]) -> Rates:
    """Add single checks up."""
    names = list(asdict(checks[0]))
    right = {name: sum(getattr(check, name) for check in checks) for name in names}
    return Rates(len(checks), right, sum(check.all_right for check in checks))


def measure(
    pipeline: DiffusionPipeline, captions: int, seed: int, **call: Any
) -> tuple[Rates, list[list[Image.Image]]]:
    """Rates on `captions` held-out captions of this seed, and what was rendered (a picture is one frame)."""
    clip = "Wan" in type(pipeline).__name__
    asked = held_out_scenes(captions, seed, clip=clip)
    texts = [text for _, text in asked]
    if clip:
        found = render_clips(pipeline, texts, seed, **call)
        return count([check_clip(f, scene) for f, (scene, _) in zip(found, asked, strict=True)]), found
    images = render_pictures(pipeline, texts, seed, **call)
    return count([check_picture(i, scene) for i, (scene, _) in zip(images, asked, strict=True)]), [[i] for i in images]


def measure_pairs(
    pipeline: DiffusionPipeline, captions: int, seed: int, **call: Any
) -> tuple[Rates, list[list[Image.Image]]]:
    """Rates on `captions` held-out pairs of shapes of this seed, at 256 x 256, and what was rendered."""
    asked = held_out_pairs(captions, seed)
    images = render_pictures(pipeline, [text for _, text in asked], seed, **({"height": 256, "width": 256} | call))
    return count([check_pair(i, pair) for i, (pair, _) in zip(images, asked, strict=True)]), [[i] for i in images]


def record(rates: Rates, folder: Path, *, num_inference_steps: int, guidance_scale: float) -> None:
    """State the rates beside the weights, where `farm demo` and the tests read them."""
    stated = StatedRates(
        captions=rates.asked,
        num_inference_steps=num_inference_steps,
        guidance_scale=guidance_scale,
        attributes={name: rates.share(name) for name in rates.right},
        all=rates.share(),
    )
    (folder / RATES_FILE).write_text(stated.model_dump_json(indent=2) + "\n", encoding="utf-8")


def contact_sheet(rows: Sequence[Sequence[Image.Image]], columns: int) -> Image.Image:
    """All frames on one sheet, `columns` renders side by side, the frames of each from left to right."""
    width, height = rows[0][0].size
    across = width * len(rows[0]) + 4
    sheet = Image.new("RGB", (columns * across, -(-len(rows) // columns) * (height + 4)), "gray")
    for index, frames in enumerate(rows):
        for step, frame in enumerate(frames):
            place = ((index % columns) * across + step * width, (index // columns) * (height + 4))
            sheet.paste(frame, place)
    return sheet


def main() -> None:
    """Measure one model and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m workers.demo_models.evaluate", description=__doc__)
    parser.add_argument("model", choices=[*USUAL])
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--captions", type=int, default=64)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--record", action="store_true", help=f"state the rates in {RATES_FILE}, beside the weights")
    parser.add_argument("--sheet", type=Path, help="write everything rendered to this picture file")
    parser.add_argument("--autoencoder", action="store_true", help="of wan-demo: decibels of drawn clips, no rates")
    arguments = parser.parse_args()
    if arguments.autoencoder and arguments.model != "wan-demo":
        parser.error("--autoencoder measures wan-demo's alone")
    torch.set_num_threads(1)
    call = dict(USUAL[arguments.model])
    if arguments.steps is not None:
        call["num_inference_steps"] = arguments.steps
    if arguments.guidance is not None:
        call["guidance_scale"] = arguments.guidance
    folder = arguments.weights / arguments.model
    if arguments.autoencoder:
        found = decibels_of_clips(load(folder).vae, arguments.captions, arguments.seed)
        print(f"{arguments.model}: {found:.2f} dB on {arguments.captions} drawn clips")
        return
    measured = measure_pairs if arguments.model == PAIRS else measure
    rates, rendered = measured(load(folder), arguments.captions, arguments.seed, **call)
    print(f"{arguments.model} {call}: {rates}")
    if arguments.record:
        record(rates, folder, **call)
    if arguments.sheet is not None:
        contact_sheet(rendered, 8 if len(rendered[0]) == 1 else 2).save(arguments.sheet)


if __name__ == "__main__":
    main()
