"""What makes passes, or fewer of them, faster: rows in a pass, step caches, compiled blocks, kept embeddings.

    make bench NAME=speed             the demo models on this CPU, about four minutes
    make bench-gpu                    real models on a GPU; ARGS="--models NAME … --quantize int8 …"
    .venv/bin/python -m tests.benchmarks.speed --quick

The same code on both. Whatever is compared takes turns, round by round, and the figure is the median of the rounds'
ratios. On a GPU also: memory by rows, decoding beside passes against in turns with them, and quantized weights.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from farm.catalog import ModelEntry, load_catalog
from farm.catalog.pool import PoolEntry
from farm.params import JobRequest, resolve, shape_of
from farm.settings import load_settings
from farm.verification.similarity import compare
from tests.benchmarks.report import Report
from workers.denoising.fault_isolation import synchronize
from workers.denoising.out_of_memory import free_memory
from workers.denoising.track import Pixels
from workers.engine.embedding_cache import EmbeddingCache
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.pipelines.load import load
from workers.protocol import RenderBatch, RenderOrder

PROMPTS = ("a red circle on a blue background", "a yellow star on a purple background")
DEMO, REAL = ("sana-demo", "wan-demo"), ("sana-1600m-1024px", "wan21-t2v-1300m")
ROWS = (1, 2, 4, 8)


def main() -> None:
    """Measure, print, and write build/bench/speed.json, or speed-gpu.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", default="cpu")
    options.add_argument("--models", nargs="+", help="of the catalog; `farm models pull NAME` fetches them first")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quantize", nargs="*", help="weights of the transformer to compare; on a GPU: int8")
    options.add_argument("--quick", action="store_true", help="one model, one round, nothing compiled: does it run?")
    asked = options.parse_args()
    device = torch.device(asked.device)
    on_gpu = device.type == "cuda"
    if on_gpu and not torch.cuda.is_available():
        raise SystemExit(
            "There is no CUDA device that torch can see here; `make bench NAME=speed` measures on the CPU."
        )
    models = (asked.models or (REAL if on_gpu else DEMO))[: 1 if asked.quick else None]
    quantize = asked.quantize if asked.quantize is not None else ["int8"] if on_gpu else []
    name = torch.cuda.get_device_name(device) if on_gpu else "CPU"
    report = Report("speed-gpu" if on_gpu else "speed", {"device": name, "models": models, "rounds": asked.rounds})
    rounds = 1 if asked.quick else asked.rounds
    for model in models:
        entry = load_catalog(load_settings()).model(model)
        loaded = load(entry, None, device)
        family = loaded.family
        _rows(report, model, family, rounds)
        _step_cache(report, model, family, rounds)
        _embeddings(report, model, family, EmbeddingCache(loaded.facts, most_bytes=10**9), rounds)
        if on_gpu:
            _decoding_beside(report, model, family, rounds)
        others = {} if asked.quick else {"compiled": {"compile": True}}
        others |= {kind: {"quantization": {"transformer": kind}} for kind in quantize}
        for what, settings in others.items():
            _against(report, model, what, family, _loaded(entry, device, settings), rounds)
    report.write()


@dataclass(frozen=True)
class Run:
    """Some renders taken to their end together."""

    passes: float  # seconds in all of them
    left_out: float  # the part of them in which blocks were left out
    pixels: list[Pixels | None]


def _rows(report: Report, model: str, family: Family, rounds: int) -> None:
    """What a pass costs by its rows, and the memory that it takes where that can be told."""
    _run(family, 1)  # what is slow for the first time
    seconds: dict[int, list[float]] = {rows: [] for rows in ROWS}
    for _ in range(rounds):
        for rows in ROWS:
            if family.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(family.device)
            try:
                run = _run(family, rows, steps=4)
            except torch.OutOfMemoryError:
                free_memory(family.device)
                continue
            seconds[rows].append(run.passes / 4)
            if family.device.type == "cuda":
                report.measure(f"{model}: {rows} rows, GB", torch.cuda.max_memory_allocated(family.device) / 1e9)
    for rows in (rows for rows in ROWS if seconds[rows]):
        report.sample(f"{model}: a pass of {rows}, ms", [1000 * one for one in seconds[rows]])
        gains = [rows * alone / one for alone, one in zip(seconds[1], seconds[rows], strict=False)]
        report.sample(f"{model}: rows a second, {rows} in a pass over 1", gains)


def _step_cache(report: Report, model: str, family: Family, rounds: int) -> None:
    """`fast` against `quality`: time of the passes, and how alike the outputs are."""
    if family.entry.step_cache is None:
        return
    ratios = []
    for _ in range(rounds):
        whole, fast = _run(family, 1), _run(family, 1, speed="fast")
        ratios.append(fast.passes / whole.passes)
    report.measure(f"{model}: passes with blocks left out ({family.entry.step_cache})", fast.left_out)
    if whole.pixels[0] is not None and fast.pixels[0] is not None:
        report.measure(f"{model}: fast against quality, PSNR", compare(whole.pixels[0], fast.pixels[0]).psnr)
    report.samples[f"{model}: time of passes, fast over quality"] = ratios
    # Where it leaves out nothing (a threshold that is too small) it must at least cost nothing.
    report.aim(f"{model}: time of passes, fast over quality", statistics.median(ratios), "<=", 1.05)


def _embeddings(report: Report, model: str, family: Family, cache: EmbeddingCache, rounds: int) -> None:
    """Prompts that were encoded before against encoding them."""
    prepared = family.prepare(_orders(family.entry, 1)[0])
    cache.of(family, prepared)
    fresh = [_timed(family, lambda: family.encode(prepared)) for _ in range(3 * rounds)]
    kept = [_timed(family, lambda: cache.of(family, prepared)) for _ in range(3 * rounds)]
    ratio = statistics.median(kept) / statistics.median(fresh)
    report.aim(f"{model}: time for a prompt, kept over encoded", ratio, "<=", 0.5)
    passes = _run(family, 1).passes
    report.measure(f"{model}: encoding over the passes of one render", statistics.median(fresh) / passes)


def _against(report: Report, model: str, what: str, plain: Family, other: Family, rounds: int) -> None:
    """Passes of the same model loaded in two ways."""
    first = _timed(other, lambda: _run(other, 1, steps=1))
    report.measure(f"{model}, {what}: the first pass, s", first)
    ratios = [_run(other, 1).passes / _run(plain, 1).passes for _ in range(rounds)]
    report.sample(f"{model}: time of passes, {what} over plain", ratios)


def _decoding_beside(report: Report, model: str, family: Family, rounds: int) -> None:
    """Renders of different lengths, so that one is decoded while others step: in a thread of its own or in turns."""
    ratios = []
    for _ in range(rounds):
        turns, beside = (_backlog(family, decode_beside=beside) for beside in (False, True))
        ratios.append(beside / turns)
    report.sample(f"{model}: time of a backlog, decoding beside over in turns", ratios)


def _backlog(family: Family, *, decode_beside: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(family, Path(folder), decode_beside=decode_beside)
        orders = [order for steps in (4, 8, 12, 16) for order in _orders(family.entry, 1, steps=steps)]
        named = [RenderOrder(**{**vars(order), "render_id": f"r{place}"}) for place, order in enumerate(orders)]
        engine.admit(RenderBatch("b", named))
        begun = time.perf_counter()
        while not engine.idle:
            for _ in engine.step():
                pass
        return time.perf_counter() - begun


def _loaded(entry: ModelEntry, device: torch.device, settings: dict[str, Any]) -> Family:
    pool = PoolEntry.model_validate({"name": "bench", "model": entry.name, **settings})
    return load(entry, pool, device).family


@torch.no_grad()
def _run(family: Family, rows: int, *, steps: int | None = None, speed: str = "quality") -> Run:
    """So many renders, begun and stepped together, then decoded one by one."""
    tracks = []
    for order in _orders(family.entry, rows, steps=steps, speed=speed):
        prepared = family.prepare(order)
        tracks.append(family.start(prepared, family.encode(prepared)))
    spent, left_out = 0.0, 0
    while not tracks[0].finished:
        synchronize(family.device)
        begun = time.perf_counter()
        predictions = family.run_pass(tracks)
        synchronize(family.device)
        spent += time.perf_counter() - begun
        left_out += family.step_caches.left_out
        for track, prediction in zip(tracks, predictions, strict=True):
            family.advance(track, prediction)
    pixels = [family.decode([track])[0] for track in tracks[:1]]
    return Run(spent, left_out / tracks[0].steps, pixels)


def _orders(entry: ModelEntry, rows: int, *, steps: int | None = None, speed: str = "quality") -> list[RenderOrder]:
    prompts = [PROMPTS[place % len(PROMPTS)] for place in range(rows)]
    request = JobRequest(model=entry.name, prompt=prompts, seed=7, num_inference_steps=steps, speed=speed)  # type: ignore[arg-type]
    found = resolve(request, entry, max_renders=rows, draw_seed=lambda: 1).renders
    shape = shape_of(found[0], entry)
    sizes = (shape.width, shape.height, shape.frames)
    return [RenderOrder(f"r{place}", 1, "job", one.model_dump(), *sizes) for place, one in enumerate(found)]


def _timed(family: Family, work: Any) -> float:
    synchronize(family.device)
    begun = time.perf_counter()
    with torch.no_grad():
        work()
    synchronize(family.device)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
