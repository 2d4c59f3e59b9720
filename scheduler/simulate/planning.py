"""How many workers a trace needs, so that 95 % of its renders are started within a given time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from farm.errors import Fault, InvalidRequest
from scheduler.simulate.fleet import Fleet
from scheduler.simulate.results.result import Result

#: More workers than this are not tried.
MOST_WORKERS = 4096


@dataclass(frozen=True)
class Plan:
    """The smallest fleet that keeps the promise, and all that were tried, in the order in which they were."""

    workers: int
    result: Result
    tried: Sequence[tuple[int, Result]]


def plan(run: Callable[[int], Result], within: float, *, percent: float = 95.0, most: int = MOST_WORKERS) -> Plan:
    """The fewest workers with which `percent` of the renders are started `within` so many seconds.

    Doubles until it is enough, then halves the interval: more workers are taken to wait no longer.

    Raises:
        InvalidRequest: `most` workers are not enough.
    """
    tried: list[tuple[int, Result]] = []

    def enough(workers: int) -> bool:
        tried.append((workers, run(workers)))
        return tried[-1][1].p(percent) <= within

    too_few, fits = 0, 1
    while not enough(fits):
        if fits >= most:
            told = f"{most:,} workers are not enough for {within:g} s: {tried[-1][1].p(percent):,.1f} s were reached"
            raise InvalidRequest([Fault("--plan", told)])
        too_few, fits = fits, min(2 * fits, most)
    while fits - too_few > 1:
        middle = (fits + too_few) // 2
        if enough(middle):
            fits = middle
        else:
            too_few = middle
    return Plan(fits, next(result for workers, result in tried if workers == fits), tried)


def with_workers(fleet: Fleet, workers: int) -> Fleet:
    """The same fleet with so many workers in each pool."""
    return Fleet(tuple(replace(pool, workers=workers) for pool in fleet.pools))
