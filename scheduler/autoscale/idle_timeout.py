"""How long a worker without work is kept. Pure functions.

Each worker of a pool (the first, the second, …) is needed, then not needed for an idle interval, then needed again. To
keep it through an idle interval costs the interval's length; to release it costs one start-up when it is needed again.
Who keeps it for exactly one start-up never pays more than twice what the best would (the rental of skis); who remembers
the idle intervals does better: of all lengths that he could keep it for, he takes the one that would have cost least.
The first worker's idle intervals say nothing about the fiftieth's, so they are remembered by ranks: 1, 2, 3–4, 5–8, …
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

#: So many idle intervals of each rank are remembered, the newest.
REMEMBERED = 24
#: As many imagined idle intervals, just shorter than a start-up, speak while little was seen.
PRIOR = 2


@dataclass(frozen=True)
class Needs:
    """For each number of workers the time when so many were needed last, and the idle intervals that ended, by rank.

    `last` holds (workers, at): towards its end fewer workers and later times.
    """

    last: tuple[tuple[int, float], ...] = ()
    idle_intervals: dict[str, tuple[float, ...]] = field(default_factory=dict)  # rank (as JSON has it) → seconds


def observe(needs: Needs, need: int, now: float, shortest: float) -> Needs:
    """`need` workers are needed at `now`; what lasted `shortest` seconds or less was no idle interval."""
    ended: dict[str, tuple[float, ...]] = {}
    last = list(needs.last)
    lower = 0
    for workers, at in reversed(needs.last):  # the levels lower + 1 … workers were needed last at `at`
        if lower >= need:
            break
        if workers > lower and now - at > shortest:
            for rank in range(_rank(lower + 1), _rank(min(workers, need)) + 1):
                idle_intervals = ended.get(str(rank), needs.idle_intervals.get(str(rank), ()))
                ended[str(rank)] = (*idle_intervals, now - at)[-REMEMBERED:]
        lower = workers
    while last and last[-1][0] <= need:
        last.pop()
    return Needs(last=(*last, (need, now)), idle_intervals={**needs.idle_intervals, **ended})


def kept(needs: Needs, now: float, startup: float, idle_timeout: float | None = None) -> int:
    """How many workers are worth to be kept: each for `idle_timeout` seconds, none: as long as its rank teaches."""
    lower = [*(workers for workers, _ in needs.last[1:]), 0]
    for (workers, at), below in zip(needs.last, lower, strict=True):
        # The highest rank first: those of one mark were needed last at the same time, and differ in their timeouts.
        for rank in range(_rank(workers), _rank(below + 1) - 1, -1) if workers else ():
            keep = (
                best_idle_timeout(needs.idle_intervals.get(str(rank), ()), startup)
                if idle_timeout is None
                else idle_timeout
            )
            if now - at <= keep:
                return min(workers, 1 << rank)
    return 0


def best_idle_timeout(idle_intervals: Sequence[float], startup: float) -> float:
    """For how many seconds to keep a worker, at most `startup`: what would have been cheapest in these idle
    intervals.
    """
    seen = [*idle_intervals, *[startup * 0.99] * PRIOR]

    def cost(keep: float) -> float:
        return sum(idle_interval if idle_interval <= keep else keep + startup for idle_interval in seen)

    return min(sorted({0.0, *(idle_interval for idle_interval in seen if idle_interval <= startup)}), key=cost)


def _rank(worker: int) -> int:
    """0 for the first worker, 1 for the second, 2 for the third and fourth, 3 for the fifth to eighth, …"""
    return (worker - 1).bit_length()
