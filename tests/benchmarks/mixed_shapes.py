"""What it would bring to let renders of different sizes share a pass: five sizes of Sana, apart and together.

    make bench NAME=mixed-shapes      about two minutes on a quiet core
    .venv/bin/python -m tests.benchmarks.mixed_shapes --quick

Apart: a pass for each size, as the farm does it. Together, in two ways (mixed_passes.py): padded to the largest height
and width with masks, and packed without padding. All with at most eight renders in a pass. With one render of each
size, the most that mixing can gain, and with two and four, as a backlog has them. Pairs take turns, and the
figure is the median of their ratios of renders a second; seconds are those of the process, on one thread, so that
other work counts less.
"""

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from diffusers import SanaTransformer2DModel
from torch import Tensor

from farm.catalog import ModelEntry, load_catalog
from farm.params import JobRequest, resolve, shape_of
from farm.settings import load_settings
from tests.benchmarks.mixed_passes import Packed, Padded, Rows, apart
from tests.benchmarks.mixed_queue import STEPS, line, times
from tests.benchmarks.report import Report
from workers.denoising.track import Track
from workers.families.base import Family
from workers.families.guidance import guide_tracks, rows_of
from workers.pipelines.load import load
from workers.protocol import RenderOrder

Pass = Callable[[Rows], list[Tensor]]

MODEL = "sana-demo"
SIZES = ((128, 128), (160, 128), (128, 160), (192, 128), (128, 192))
REAL_SIZES = ((16, 16), (18, 14), (14, 18), (20, 12), (12, 20))
"""Heights and widths in latent positions, of 512 pixels and four of the sizes that a model of 512 pixels renders."""
MOST = 8
LOADS = (0.4, 0.6, 0.75, 0.9)
"""Arrivals as shares of what full passes of one size can take."""
APART = "apart, seconds of all passes"
BY_SIZE = "packed, each size by itself,"
TOLERANCE = 1e-5
"""What renders may differ from what they are alone in float32, as a part of the largest latent (docs/batching.md)."""
WANTED = 1.15


def main() -> None:
    """Measure, print, and write build/bench/mixed-shapes.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quick", action="store_true", help="one round of the demo model: does it run?")
    asked = options.parse_args()
    rounds = 1 if asked.quick else asked.rounds
    torch.set_num_threads(1)  # as the pools of this machine
    sizes = {"model": MODEL, "sizes": SIZES, "real": REAL_SIZES, "most": MOST, "rounds": rounds}
    report = Report("mixed-shapes", sizes)
    entry = load_catalog(load_settings()).model(MODEL)
    families = [load(entry, None, torch.device("cpu")).family for _ in range(2)]
    transformers = [family.pipeline.transformer for family in families]
    ways: dict[str, Pass] = {"packed": Packed(transformers[0]), "padded": Padded(transformers[1])}
    with torch.no_grad():
        gains: dict[int, dict[str, float]] = {}
        for each in (1,) if asked.quick else (1, 2, 4):
            name, rows = f"{MODEL}, {each} of each size", _rows_of(_tracks(families[0], each))
            gains[each] = _gains(report, name, transformers[0], ways, rows, 2 * MOST, rounds)
        for (way, run), family in zip(ways.items(), families, strict=True):
            _same(report, family, way, run)
        if not asked.quick:
            _queue(report, gains)
            _real(report, min(3, rounds))
            better = max(gains[4][way] for way in ways)
            report.aim("a backlog, 4 of each size: the better way over apart", better, ">=", WANTED)
    report.write()


def _gains(
    report: Report,
    name: str,
    transformer: SanaTransformer2DModel,
    ways: dict[str, Pass],
    rows: Rows,
    most: int,
    rounds: int,
) -> dict[str, float]:
    """Renders a second, each way over apart; and of the packed way with a pass for each size, which mixes nothing."""
    single, mixed = _full(rows, most), _parts(rows, most)
    ratios: dict[str, list[float]] = {way: [] for way in (*ways, BY_SIZE)}
    seconds = []
    for turn in range(rounds + 1):
        before = _timed(lambda: [apart(transformer, part) for part in single])
        by_size = _timed(lambda: [ways["packed"](part) for part in single])
        spent = {way: _timed(lambda run=run: [run(part) for part in mixed]) for way, run in ways.items()}  # type: ignore[misc]
        if turn:  # the first is slower than all others
            for way in ways:
                ratios[way].append(before / spent[way])
            ratios[BY_SIZE].append(before / by_size)
            seconds.append(before)
    report.sample(f"{name}: {APART}", seconds)
    return {way: report.sample(f"{name}: {way} over apart", found) for way, found in ratios.items()}


def _full(rows: Rows, most: int) -> list[Rows]:
    """Passes of one size each, of at most so many rows."""
    found = []
    for size in dict.fromkeys(rows.sizes):
        places = [place for place, other in enumerate(rows.sizes) if other == size]
        found += [rows.of(places[start : start + most]) for start in range(0, len(places), most)]
    return found


def _parts(rows: Rows, most: int) -> list[Rows]:
    """As few mixed passes as there can be, of nearly as many rows each, alike sizes together."""
    order = sorted(range(len(rows.latents)), key=lambda place: rows.sizes[place])
    count = -(-len(order) // most)
    cuts = [round(place * len(order) / count) for place in range(count + 1)]
    return [rows.of(order[start:end]) for start, end in pairwise(cuts)]


def _timed(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _queue(report: Report, gains: dict[int, dict[str, float]]) -> None:
    """Renders that arrive at random: how many end within five times what they take alone, apart and packed."""
    few, many = (report.measured[f"{MODEL}, {each} of each size: {APART}"] for each in (1, 4))
    one_size = line((1, few / len(SIZES)), (4, many / len(SIZES)))
    waiting = 4 * len(SIZES)
    passes = -(-waiting // MOST)
    packed = line((len(SIZES), few / gains[1]["packed"]), (waiting / passes, many / gains[4]["packed"] / passes))
    capacity = MOST / (STEPS * one_size(MOST))
    for share in LOADS:
        for way, cost in (("apart", one_size), ("packed", packed)):
            found = times(share, cost, capacity, mixed=way == "packed")
            in_time = sum(spent <= 5 * STEPS * one_size(1) for spent in found) / len(found)
            report.measure(f"arrivals at {share:.0%} of capacity, {way}: in time, %", 100 * in_time)


def _same(report: Report, family: Family, way: str, run: Pass) -> None:
    """Five whole renders, one of each size: how far their last latents are from what they are alone."""
    together, alone = _tracks(family, 1), _tracks(family, 1)
    transformer = family.pipeline.transformer
    while not together[0].finished:
        _advance(family, together, run)
        for track in alone:
            _advance(family, [track], lambda rows: apart(transformer, rows))
    furthest = max(
        float((one.latents - other.latents).abs().max() / other.latents.abs().max())
        for one, other in zip(together, alone, strict=True)
    )
    report.aim(f"{MODEL}, {way}: last latents, part of their largest", furthest, "<=", TOLERANCE)


def _advance(family: Family, tracks: list[Track], run: Pass) -> None:
    predicted = run(_rows_of(tracks))
    for place, track in enumerate(tracks):
        half = len(tracks)
        (guided,) = guide_tracks([track], predicted[half + place], predicted[place])
        family.advance(track, guided)


def _rows_of(tracks: list[Track]) -> Rows:
    """The rows without the prompt first, as the pipeline stacks them; all are guided."""
    text = rows_of([*(track.embeddings.negative for track in tracks), *(track.embeddings.text for track in tracks)])
    mask = rows_of(
        [*(track.embeddings.negative_mask for track in tracks), *(track.embeddings.mask for track in tracks)]
    )
    timesteps = torch.stack([track.timesteps[track.step].float() for track in (*tracks, *tracks)])
    return Rows([track.latents for track in (*tracks, *tracks)], text, mask, timesteps)


def _tracks(family: Family, each: int) -> list[Track]:
    """So many renders of each size, encoded and begun."""
    tracks = []
    for place, (width, height) in enumerate(SIZES * each):
        prepared = family.prepare(_order(family.entry, place, width, height))
        tracks.append(family.start(prepared, family.encode(prepared)))
    return tracks


def _order(entry: ModelEntry, place: int, width: int, height: int) -> RenderOrder:
    request = JobRequest(
        model=entry.name,
        prompt=f"a large {('red', 'green', 'blue')[place % 3]} circle in the centre",
        seed=place,
        width=width,
        height=height,
    )
    parameters = resolve(request, entry, max_renders=1, draw_seed=lambda: 1).renders[0]
    shape = shape_of(parameters, entry)
    return RenderOrder(f"r{place}", 1, "job", parameters.model_dump(), shape.width, shape.height, shape.frames)


def _real(report: Report, rounds: int) -> None:
    """One of the twenty layers of the real 1.6 B Sana, with random weights in bf16: five renders without guidance."""
    torch.manual_seed(1)
    layers = [SanaTransformer2DModel(num_layers=1, sample_size=16, interpolation_scale=None) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    packed, padded = (layer.to(torch.bfloat16).eval() for layer in layers)
    rows = Rows(
        [torch.randn(1, 32, *size, dtype=torch.bfloat16) for size in REAL_SIZES],
        torch.randn(len(REAL_SIZES), 300, 2304, dtype=torch.bfloat16),
        (torch.arange(300) < 40).long().expand(len(REAL_SIZES), -1),
        torch.full((len(REAL_SIZES),), 500.0),
    )
    ways: dict[str, Pass] = {"packed": Packed(packed), "padded": Padded(padded)}
    _gains(report, "a layer of sana-1600m, 512 pixels, 1 of each size", packed, ways, rows, MOST, rounds)


if __name__ == "__main__":
    main()
