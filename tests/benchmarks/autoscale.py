"""What autoscaling costs: ours beside the clairvoyant bound and queue-length scaling, at the same p95 waiting time.

One pool of pictures in batches of up to eight, priced by the hour, 90 s of start-up, on two traces: a day (diurnal),
and six hours of bursts. Ours is played first. The bound has done all within what 95 % of our renders took from their
submission to their end: to the end, as it counts what is served, and all, where ours may have 5 % later. Queue-length
scaling is played with the largest target (the cheapest) with which its p95 waiting time, from submission to start, is
no longer than ours, and with the next one; its cost at just our p95 lies between the two. `make bench NAME=autoscale`;
`--quick` plays one hour of each, which says little: the idle intervals without work are what a day has.

Time is virtual: the load of the machine changes nothing but how long it takes. Plays that do not wait for each other
run side by side.
"""

import argparse
import math
import multiprocessing
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, replace

from farm.catalog import Catalog, Scaling, load_catalog
from farm.settings import Settings
from scheduler.simulate.fleet import Fleet, one_pool
from scheduler.simulate.policies import OURS, QUEUE_LENGTH, Policy
from scheduler.simulate.results.result import Result
from scheduler.simulate.run import run
from scheduler.simulate.scenario import clairvoyant
from scheduler.simulate.traces import generate
from scheduler.simulate.traces.trace import Arrival, Trace
from tests.benchmarks.report import Report

MODEL = "sana-1600m-1024px"
#: No bulk: that waits by its nature, and 5 % of it would be all that the p95 of a day speaks of.
MIX = generate.Mix(classes=(("urgent", 1.0), ("normal", 9.0)), job=Arrival(0.0, model=MODEL))
#: The seed of the catalog, times so much: a render alone takes 24 s, and 7.5 s in a full batch.
LARGER = 24.0
STARTUP_SECONDS = 90.0
PRICE = 2.0
SCALING = Scaling(minimum=0, maximum=64, startup_seconds=STARTUP_SECONDS, target_seconds=60)
#: Queue-length scaling is tried with targets of one to so many waiting renders for each worker.
MOST_TARGET = 256
#: The first two of them: others follow by their p95.
FIRST_TARGETS = (8, 24)
LIMITS = {"diurnal": 1.2, "bursts": 1.5}


@dataclass(frozen=True)
class Course:
    """One trace by its name, and how it is made."""

    name: str
    hours: float
    seed: int

    def trace(self) -> Trace:
        """The same for the same seed."""
        seconds = self.hours * 3600
        if self.name == "bursts":
            return generate.bursts(0.12, 1.2, seconds=seconds, mix=MIX, seed=self.seed)
        # A part of a day is one around noon, not the dead of night.
        trough = 0.12 if self.hours >= 24 else 0.8
        return generate.diurnal(1.2, trough=trough, seconds=seconds, mix=MIX, seed=self.seed)


def main() -> None:
    """Play both traces, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    hours = {"diurnal": 1.0, "bursts": 1.0} if options.quick else {"diurnal": 24.0, "bursts": 6.0}
    configuration = {
        "model": MODEL,
        "larger": LARGER,
        "startup_seconds": STARTUP_SECONDS,
        "price_per_hour": PRICE,
        "scaling": SCALING.model_dump(mode="json"),
        "hours": hours,
        "seed": options.seed,
        "quick": options.quick,
    }
    report = Report("autoscale", configuration)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=spawn) as plays:
        courses = [Course(name, length, options.seed) for name, length in hours.items()]
        # All that can be played at once is asked for before anything is waited for, the longest first.
        asked = {course: _Plays(plays, course) for course in courses}
        for course in reversed(courses):
            _compare(report, course, asked[course])
    report.write()


class _Plays:
    """The plays of one trace: ours, and those of queue-length scaling by target, each at most once."""

    def __init__(self, plays: Executor, course: Course) -> None:
        self._plays, self._course = plays, course
        self._ours = self._ask(OURS.autoscaled())
        self._queue: dict[int, Future[Result]] = {}
        self.ask(FIRST_TARGETS)

    def ask(self, targets: Iterable[int]) -> None:
        """Begin with these targets of queue-length scaling."""
        for target in targets:
            if target not in self._queue:
                self._queue[target] = self._ask(replace(QUEUE_LENGTH, queue_target=target))

    @property
    def ours(self) -> Result:
        """Our autoscaler's."""
        return self._ours.result()

    @property
    def queue(self) -> Mapping[int, Result]:
        """By target, in ascending order: all that were asked for."""
        return {target: self._queue[target].result() for target in sorted(self._queue)}

    def _ask(self, policy: Policy) -> Future[Result]:
        return self._plays.submit(play, self._course, policy)


def play(course: Course, policy: Policy) -> Result:
    """One policy on one trace."""
    return run(course.trace(), _fleet(), policy, catalog=_catalog())


def _compare(report: Report, course: Course, plays: _Plays) -> None:
    name, ours = course.name, plays.ours
    bound = clairvoyant(course.trace(), _fleet(), _catalog(), ours.done_p(95))
    report.measure(f"{name}: renders", ours.submitted)
    _tell(report, f"{name}: ours", ours)
    report.measure(f"{name}: bound within (s)", bound.within)
    report.measure(f"{name}: bound cost", bound.cost)
    report.aim(f"{name}: ours / bound", ours.cost / bound.cost, "<=", LIMITS[name])
    low, high = _around(plays, ours.p(95))
    for target in (low, high):
        _tell(report, f"{name}: queue-length {target}", plays.queue[target])
    cost = _cost_at(plays.queue[low], plays.queue[high], ours.p(95))
    report.measure(f"{name}: queue-length cost at our p95", cost)
    report.aim(f"{name}: ours / queue-length", ours.cost / cost, "<=", 0.999)


def _around(plays: _Plays, within: float) -> tuple[int, int]:
    """The largest target with which 95 % start in time, and the next; its p95 grows with the target.

    The next two are taken where a straight line between the nearest known ones, of the logarithms, meets `within`.
    The ends are (1, 1), if no target is small enough, and (MOST_TARGET, MOST_TARGET), if none is too large.
    """
    while True:
        p95 = {target: result.p(95) for target, result in plays.queue.items()}
        low = max((target for target in p95 if p95[target] <= within), default=0)
        high = min((target for target in p95 if target > low), default=MOST_TARGET + 1)
        if high - low == 1:
            return max(low, 1), min(high, MOST_TARGET)
        guess = _crossing(p95, within)
        plays.ask({min(max(target, low + 1), high - 1) for target in (guess, guess + 1)})


def _crossing(p95: Mapping[int, float], within: float) -> int:
    """Where the line through the two known targets whose p95 are nearest to `within` meets it, rounded down."""
    near = sorted(p95, key=lambda target: abs(math.log(p95[target] / within)))[:2]
    (left, right) = sorted(near)
    if p95[left] >= p95[right]:
        return left
    slope = math.log(right / left) / math.log(p95[right] / p95[left])
    return math.floor(left * math.pow(within / p95[left], slope))


def _cost_at(low: Result, high: Result, within: float) -> float:
    """What queue-length scaling would cost with just this p95: on the line between two neighbouring targets."""
    if high.p(95) <= low.p(95):
        return min(low.cost, high.cost)
    share = (within - low.p(95)) / (high.p(95) - low.p(95))
    return low.cost + min(max(share, 0.0), 1.0) * (high.cost - low.cost)


def _fleet() -> Fleet:
    return one_pool(MODEL, 0, price_per_hour=PRICE, scaling=SCALING, startup_seconds=STARTUP_SECONDS)


def _catalog() -> Catalog:
    """The built-in one, whose model is as slow as a large one."""
    catalog = load_catalog(Settings())
    entry = catalog.model(MODEL)
    seed = entry.seconds_per_step_megapixel * LARGER
    catalog.models[MODEL] = entry.model_copy(update={"seconds_per_step_megapixel": seed})
    return catalog


def _tell(report: Report, name: str, result: Result) -> None:
    for percent in (50, 95, 99):
        report.measure(f"{name}: p{percent} waiting (s)", result.p(percent))
    report.measure(f"{name}: p95 to the end (s)", result.done_p(95))
    report.measure(f"{name}: cost", result.cost)
    report.measure(f"{name}: utilisation", result.utilisation)
    report.measure(f"{name}: batch fill", result.fill)
    report.measure(f"{name}: workers started", result.workers)


if __name__ == "__main__":
    main()
