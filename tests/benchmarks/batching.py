"""What it costs that the renders of a batch differ in all that may differ: prompt, seed, steps, guidance, sampler.

    make bench NAME=batching          about five minutes on a quiet core
    .venv/bin/python -m tests.benchmarks.batching --quick

The engine renders a backlog in which no two renders are alike; a slot that becomes free is taken at once, as a worker
does it. Beside it diffusers renders batches of the same number in which all are equal. Both make their pictures one by
one, too. Runs take turns, so that what else the machine does weighs on all alike; figures are medians over the rounds.

The engine is measured while there is a backlog. One row is one render: with guidance it is two in the transformer.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from farm.catalog import ModelEntry, load_catalog
from farm.params import JobRequest, RenderParameters, resolve, shape_of
from farm.settings import load_settings
from tests.benchmarks.report import Report
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.pipelines.load import load
from workers.protocol import RenderBatch, Rendered, RenderOrder, Stepped

MODEL, EDGE = "sana-demo", 256
SAMPLERS = ("dpm++-2m", "euler", "unipc", "dpm++-2m-sde", "heun")
#: Of the bare batches, and the mean of the engine's: theirs are from three fewer to three more.
STEPS = 10


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int = 8
    renders: int = 32  # of the engine in a round
    single: int = 5  # of each, one by one, in a round
    rounds: int = 5


QUICK = Sizes(rows=4, renders=8, single=1, rounds=1)


@dataclass
class Clock:
    """Seconds inside the parts of a pipeline, and how often the transformer ran."""

    seconds: dict[str, float] = field(default_factory=lambda: {"transformer": 0.0, "vae": 0.0, "text_encoder": 0.0})
    passes: int = 0

    @contextmanager
    def on(self, pipeline: Any) -> Iterator[None]:
        """Time these parts from here on."""
        parts = {"transformer": "forward", "vae": "decode", "text_encoder": "forward"}
        for name, method in parts.items():
            part = getattr(pipeline, name)
            setattr(part, method, self._timed(name, getattr(part, method)))
        try:
            yield
        finally:
            for name, method in parts.items():
                delattr(getattr(pipeline, name), method)

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.seconds[name] += time.perf_counter() - started
                self.passes += name == "transformer"

        return timed


@dataclass(frozen=True)
class Round:
    """One run: wall seconds, what the parts took of it, and render-steps made."""

    wall: float
    clock: Clock
    steps: int

    @property
    def rows(self) -> float:
        """Renders in a pass, on average."""
        return self.steps / self.clock.passes

    @property
    def rate(self) -> float:
        """Steps of renders in a second."""
        return self.steps / self.wall

    @property
    def outside(self) -> float:
        """Seconds in none of the parts, as a share of those in passes."""
        return (self.wall - sum(self.clock.seconds.values())) / self.clock.seconds["transformer"]


def main() -> None:
    """Measure, print, and write build/bench/batching.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast")
    quick = options.parse_args().quick
    sizes = QUICK if quick else Sizes()
    torch.set_num_threads(1)  # as the pools of this machine
    entry = load_catalog(load_settings()).model(MODEL)
    family = load(entry, None, torch.device("cpu")).family
    report = Report("batching", vars(sizes) | {"model": MODEL, "edge": EDGE, "steps": STEPS, "quick": quick})
    runs: dict[str, Callable[[], Round]] = {
        "engine": lambda: of_engine(family, sizes.renders, sizes.rows),
        "diffusers": lambda: of_diffusers(family, sizes.rows, 2),
        "engine, one by one": lambda: of_engine(family, sizes.single + 1, 1),
        "diffusers, one by one": lambda: of_diffusers(family, 1, sizes.single),
    }
    found: dict[str, list[Round]] = {name: [] for name in runs}
    for _ in range(sizes.rounds + 1):
        for name, run in runs.items():
            found[name].append(run())
    _tell(report, {name: rounds[1:] for name, rounds in found.items()})  # the first warmed up
    report.write()


def _tell(report: Report, found: dict[str, list[Round]]) -> None:
    for name, rounds in found.items():
        passes = [1000 * one.clock.seconds["transformer"] / one.clock.passes for one in rounds]
        report.sample(f"{name}: renders in a pass", [one.rows for one in rounds])
        report.sample(f"{name}: a pass, ms", passes)
        report.sample(f"{name}: steps of renders a second", [one.rate for one in rounds])
        report.sample(f"{name}: outside the parts / passes", [one.outside for one in rounds])
    for name in ("engine", "diffusers"):
        gains = [a.rate / b.rate for a, b in zip(found[name], found[f"{name}, one by one"], strict=True)]
        report.sample(f"{name}: steps a second over one by one", gains)
    both = list(zip(found["engine"], found["diffusers"], strict=True))
    report.sample("steps a second, engine / diffusers", [a.rate / b.rate for a, b in both])
    rows = statistics.median(a.rows / b.rows for a, b in both)
    report.aim("renders in a pass, all different / all equal", rows, ">=", 0.95)
    report.aim("engine: time outside the parts", statistics.median(a.outside for a, _ in both), "<=", 0.05)


def of_engine(family: Family, renders: int, rows: int) -> Round:
    """A backlog of renders that are all different, so many at a time; measured while there is a backlog."""
    backlog = iter(orders(family.entry, renders))
    clock, steps = Clock(), 0
    with tempfile.TemporaryDirectory() as folder, clock.on(family.pipeline):
        engine = Engine(family, Path(folder))
        engine.admit(RenderBatch("b", list(itertools.islice(backlog, rows))))
        started = time.perf_counter()
        while True:
            ended = 0
            for message in engine.step():
                if isinstance(message, Stepped):
                    moved = [step for step in message.steps if step.step]
                    steps += len(moved)
                    ended += sum(step.phase == "finishing" for step in moved)
                elif isinstance(message, Rendered):
                    Path(message.pixels_path).unlink()
            more = list(itertools.islice(backlog, ended))
            if len(more) < ended:
                return Round(time.perf_counter() - started, clock, steps)
            engine.admit(RenderBatch("b", more))


def of_diffusers(family: Family, rows: int, batches: int) -> Round:
    """So many batches of renders that are equal but for their seeds."""
    pipeline, clock = family.pipeline, Clock()
    prompt = request(family.entry, 0).prompt
    with clock.on(pipeline):
        started = time.perf_counter()
        for _ in range(batches):
            pipeline(
                prompt=[prompt] * rows,
                generator=[torch.Generator("cpu").manual_seed(seed) for seed in range(rows)],
                width=EDGE,
                height=EDGE,
                num_inference_steps=STEPS,
                guidance_scale=4.5,
                use_resolution_binning=False,
                output_type="np",
            )
        return Round(time.perf_counter() - started, clock, rows * STEPS * batches)


def orders(entry: ModelEntry, renders: int) -> Iterator[RenderOrder]:
    """Renders no two of which are alike."""
    for number in range(renders):
        parameters: RenderParameters = resolve(
            request(entry, number), entry, max_renders=1, draw_seed=lambda: 1
        ).renders[0]
        shape = shape_of(parameters, entry)
        yield RenderOrder(f"r{number}", 1, "job", parameters.model_dump(), shape.width, shape.height, shape.frames)


def request(entry: ModelEntry, number: int) -> JobRequest:
    """What the user of one of them asked."""
    colours, forms = ("red", "blue", "green", "yellow", "white", "black"), ("circle", "square", "star", "triangle")
    sampler = SAMPLERS[number % len(SAMPLERS)]
    steps = STEPS - 3 + number % 7
    return JobRequest(
        model=entry.name,
        prompt=f"a {colours[number % 6]} {forms[number % 4]} on a {colours[(number // 6 + 1) % 6]} background",
        seed=number,
        width=EDGE,
        height=EDGE,
        num_inference_steps=(steps + 1) // 2 if sampler == "heun" else steps,  # about as many passes
        guidance_scale=2.0 + 0.1 * number,
        sampler=sampler,
    )


if __name__ == "__main__":
    main()
