"""The pictures and the table of docs/samplers.md: the same prompt and seed under every sampler of the demo models.

    python -m workers.demo_models.sampler_sheet docs

For each sampler a strip with one picture (or clip) for each number of steps; and how far the last is from where many
Euler steps end, which is where all samplers without noise are heading.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from farm.catalog import load_catalog
from farm.params import JobRequest, resolve, shape_of
from farm.settings import Settings
from workers.denoising.track import Pixels
from workers.families.base import Family
from workers.pipelines.load import load
from workers.protocol import RenderOrder

BEGIN, END = "<!-- made by workers.demo_models.sampler_sheet: begin -->", "<!-- end -->"
SEED = 5
CONVERGED = 200  # Euler steps


@dataclass(frozen=True)
class Sheet:
    """One demo model and what is rendered with it."""

    model: str
    prompt: str
    steps: tuple[int, ...]


SHEETS = (
    Sheet("sana-demo", "a large yellow star at the top left on a purple background", (2, 4, 20)),
    Sheet("wan-demo", "a large red circle moves right on a blue background", (2, 4, 20)),
)


def main(docs: Path) -> None:
    """Render, write docs/pictures/sampler-*.webp and the tables between the marks of docs/samplers.md."""
    catalog = load_catalog(Settings())
    torch.set_num_threads(1)
    tables = []
    for sheet in SHEETS:
        family = load(catalog.model(sheet.model), None, torch.device("cpu")).family
        tables.append(_table(sheet, family, docs))
    page = docs / "samplers.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + "\n".join(tables) + END + after, encoding="utf-8")


def _table(sheet: Sheet, family: Family, docs: Path) -> str:
    steps = ", ".join(map(str, sheet.steps[:-1])) + f" and {sheet.steps[-1]}"
    lines = [
        f"`{sheet.model}`, “{sheet.prompt}”, seed {SEED}; from left to right {steps} steps:",
        "",
        f"| sampler | | {' | '.join(f'{count} steps' for count in sheet.steps)} |",
        "| --- | --- |" + " --- |" * len(sheet.steps),
    ]
    converged = _render(family, sheet, "euler", CONVERGED)
    for sampler in family.entry.samplers:
        made = [_render(family, sheet, sampler, count) for count in sheet.steps]
        name = f"pictures/sampler-{sheet.model}-{sampler.replace('+', 'p')}.webp"
        _save(made, docs / name)
        away = " | ".join(f"{np.abs(pixels.astype(float) - converged).mean():.1f}" for pixels in made)
        lines.append(f"| `{sampler}` | ![{sampler} with {steps} steps]({name}) | {away} |")
    return "\n".join([*lines, "", ""])


@torch.no_grad()
def _render(family: Family, sheet: Sheet, sampler: str, steps: int) -> Pixels:
    limits = family.entry.limits.model_copy(update={"steps": (1, CONVERGED)})
    entry = family.entry.model_copy(update={"limits": limits})
    request = JobRequest(model=sheet.model, prompt=sheet.prompt, seed=SEED, sampler=sampler, num_inference_steps=steps)
    parameters = resolve(request, entry, max_renders=1, draw_seed=lambda: SEED).renders[0]
    shape = shape_of(parameters, entry)
    order = RenderOrder("sheet", 1, "sheet", parameters.document(), shape.width, shape.height, shape.frames)
    prepared = family.prepare(order)
    track = family.start(prepared, family.encode(prepared))
    while not track.finished:
        family.advance(track, family.predict([track])[0])
    (pixels,) = family.decode([track])
    if pixels is None:
        raise RuntimeError(f"{sampler} with {steps} steps gave values that are no numbers")
    return pixels


def _save(made: Sequence[Pixels], path: Path) -> None:
    """Side by side; clips as an animation of 8 frames a second."""
    strip = np.concatenate(made, axis=-2)
    frames = [Image.fromarray(frame) for frame in (strip if strip.ndim == 4 else strip[None])]
    path.parent.mkdir(exist_ok=True)
    frames[0].save(path, quality=80, method=6, save_all=True, append_images=frames[1:], duration=125, loop=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
