"""Renders of five sizes that arrive at random at one worker, in virtual time: alike ones together, or all together.

What `mixed-shapes` measures of single passes decides little by itself: how many wait together depends on how many
come. Here passes cost what was measured, the batch holds eight, renders join between two steps, and a render of another
size waits at most a quantum of two seconds, as in a farm (docs/batching.md).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

Cost = Callable[[int], float]
"""Seconds of a pass of so many renders."""

MOST, STEPS, QUANTUM = 8, 20, 2.0
ARRIVALS, SIZES = 6000, 5


def line(at_few: tuple[float, float], at_many: tuple[float, float]) -> Cost:
    """A straight line through two measured points (renders, seconds); below the first in proportion."""
    (few, cheap), (many, dear) = at_few, at_many
    slope = (dear - cheap) / (many - few)
    return lambda renders: cheap * renders / few if renders < few else cheap + slope * (renders - few)


@dataclass(eq=False)
class _Render:
    arrived: float
    size: int
    left: int = STEPS


def times(load: float, cost: Cost, capacity: float, *, mixed: bool) -> list[float]:
    """Seconds from arrival to last step of each render. `load`: arrivals as a share of `capacity` renders a second."""
    rng = random.Random(1)
    clock, coming = 0.0, []
    for _ in range(ARRIVALS):
        clock += rng.expovariate(load * capacity)
        coming.append(_Render(clock, rng.randrange(SIZES)))
    coming.reverse()
    now = begun = 0.0
    waiting: list[_Render] = []
    running: list[_Render] = []
    found: list[float] = []
    while len(found) < ARRIVALS:
        if not waiting and not running:
            now = max(now, coming[-1].arrived)
        while coming and coming[-1].arrived <= now:
            waiting.append(coming.pop())
        if not running:
            begun = now
        if waiting and _may_join(running, waiting[0], now - begun, mixed=mixed):
            size = (running or waiting)[0].size
            able = [render for render in waiting if mixed or render.size == size][: MOST - len(running)]
            waiting = [render for render in waiting if render not in able]
            running += able
        now += cost(len(running))
        for render in running:
            render.left -= 1
        found += [now - render.arrived for render in running if not render.left]
        running = [render for render in running if render.left]
    return found


def _may_join(running: list[_Render], head: _Render, since: float, *, mixed: bool) -> bool:
    return mixed or not running or head.size == running[0].size or since < QUANTUM
