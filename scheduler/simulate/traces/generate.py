"""Traces that are made: Poisson, diurnal, bursts, one bulk monster. The same seed makes the same trace."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from scheduler.simulate.traces.trace import Arrival, Trace

DAY_SECONDS = 86_400.0
T = TypeVar("T")


@dataclass(frozen=True)
class Mix:
    """Who submits what, when a generator decides only when: each is drawn by its weight."""

    projects: Sequence[str] = ("ada", "ben", "cy", "dot")
    classes: Sequence[tuple[str, float]] = (("urgent", 1.0), ("normal", 8.0), ("bulk", 1.0))
    renders: Sequence[tuple[int, float]] = ((1, 6.0), (4, 3.0), (16, 1.0))
    job: Arrival = field(default_factory=lambda: Arrival(0.0))  #: model, sizes and steps of every job

    @property
    def mean_renders(self) -> float:
        """Renders of a job on average."""
        return sum(count * weight for count, weight in self.renders) / sum(weight for _, weight in self.renders)

    def draw(self, at: float, source: random.Random) -> Arrival:
        """One job."""
        return replace(
            self.job,
            at=at,
            project=source.choice(self.projects),
            class_name=_weighted(self.classes, source),
            renders=_weighted(self.renders, source),
        )


def poisson(rate: float, seconds: float, *, mix: Mix | None = None, seed: int = 0) -> list[Arrival]:
    """Jobs at `rate` renders a second on average, independent of each other, for so many seconds."""
    return _thinned(lambda _: rate, rate, seconds, mix or Mix(), seed)


def diurnal(
    peak: float, *, trough: float | None = None, seconds: float = DAY_SECONDS, mix: Mix | None = None, seed: int = 0
) -> list[Arrival]:
    """Days, as a cosine: from `trough` renders a second at midnight (none: a tenth of the peak) to `peak` at noon."""
    low = peak / 10 if trough is None else trough
    return _thinned(
        lambda at: low + (peak - low) * (1 - math.cos(2 * math.pi * at / DAY_SECONDS)) / 2,
        peak,
        seconds,
        mix or Mix(),
        seed,
    )


def bursts(
    base: float,
    peak: float,
    *,
    every: float = 3600.0,
    length: float = 300.0,
    seconds: float = 21_600.0,
    mix: Mix | None = None,
    seed: int = 0,
) -> list[Arrival]:
    """`base` renders a second, and `peak` for `length` seconds about once in `every` seconds, at random moments."""
    source = random.Random(f"bursts {seed}")
    starts = [turn * every + source.uniform(0, max(0.0, every - length)) for turn in range(math.ceil(seconds / every))]

    def rate(at: float) -> float:
        return peak if any(start <= at < start + length for start in starts) else base

    return _thinned(rate, max(base, peak), seconds, mix or Mix(), seed)


def monster(renders: int, *, at: float = 0.0, project: str = "monster", class_name: str = "bulk",
            job: Arrival | None = None) -> list[Arrival]:  # fmt: skip
    """One project that submits so many renders at once."""
    return [replace(job or Arrival(0.0), at=at, project=project, class_name=class_name, renders=renders)]


def merged(*traces: Trace) -> list[Arrival]:
    """Several traces as one, by time."""
    return sorted((arrival for trace in traces for arrival in trace), key=lambda arrival: arrival.at)


def _thinned(rate: Callable[[float], float], most: float, seconds: float, mix: Mix, seed: int) -> list[Arrival]:
    """A Poisson process whose rate changes: drawn at its highest rate, then thinned (Lewis and Shedler, 1979)."""
    source = random.Random(f"arrivals {seed}")
    jobs_per_second = most / mix.mean_renders
    arrivals: list[Arrival] = []
    at = 0.0
    while most > 0 and (at := at + source.expovariate(jobs_per_second)) < seconds:
        if source.random() * most < rate(at):
            arrivals.append(mix.draw(at, source))
    return arrivals


def _weighted(choices: Sequence[tuple[T, float]], source: random.Random) -> T:
    return source.choices([choice for choice, _ in choices], [weight for _, weight in choices])[0]
