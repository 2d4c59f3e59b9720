"""How many workers a pool should have now. Pure functions: no database, no clock, nothing of any driver.

In words: as many as serve what flows in, plus those that bring the backlog down in time; a new one only where it
will have work for longer than it takes to start; fewer when a worker had nothing to do for longer than it pays to
keep it. The backlog is counted in GPU-seconds: a message may be a thumbnail or a clip.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from farm.catalog import Scaling
from farm.sentences import sentence
from scheduler.autoscale import arrivals, idle_timeout
from scheduler.autoscale.arrivals import Arrivals
from scheduler.autoscale.daily_budget import affordable
from scheduler.autoscale.draining import WorkerLoad, choose_to_drain
from scheduler.autoscale.idle_timeout import Needs

__all__ = ["Decision", "Load", "Memory", "WorkerLoad", "choose_to_drain", "decide"]

#: The queue that is left standing in a steady flow, in targets: batches are full only while work waits. It swings about
#: this. So the target is what is steered by, and no limit: over a day of ups and downs (target 60 s, start-up 90 s)
#: half of all renders wait for less than half a target, and one in twenty for longer than about two.
STEADY = 0.75
#: A new worker should have work for so many times its start-up.
WORTH = 1.5
#: So much of one more worker must be needed before it is started.
MARGIN = 0.5
#: The time until the next decision while it is not known.
INTERVAL = 10.0


@dataclass(frozen=True)
class Load:
    """What a pool has to do, and with what; times in seconds, money in the farm's currency."""

    at: float
    backlog_gpu_seconds: float  # of all that waits
    oldest_wait_seconds: float = 0.0
    arriving_gpu_seconds_per_second: float = 0.0  # since the last decision
    ready: int = 0
    starting: int = 0
    draining: int = 0  # cost money, and take nothing new
    spent_today: float = 0.0
    startup_seconds: float | None = None  # measured; none: what the catalog says
    price_per_hour: float = 0.0


@dataclass(frozen=True)
class Memory:
    """What is remembered from one decision to the next."""

    arrivals: Arrivals = field(default_factory=Arrivals)
    needs: Needs = field(default_factory=Needs)
    decided_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain lists and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any] | None) -> Self:
        """The opposite of `to_json`; an empty memory for what cannot be read."""
        try:
            seen, needs = document["arrivals"], document["needs"]  # type: ignore[index]
            intervals = needs["idle_intervals"] if "idle_intervals" in needs else needs["spells"]  # as 0.3.0 wrote it
            return cls(
                arrivals=Arrivals(**{**seen, "ended": tuple(seen["ended"])}),
                needs=Needs(
                    last=tuple((workers, at) for workers, at in needs["last"]),
                    idle_intervals={rank: tuple(seconds) for rank, seconds in intervals.items()},
                ),
                decided_at=document["decided_at"],  # type: ignore[index]
            )
        except (TypeError, KeyError, ValueError):
            return cls()


@dataclass(frozen=True)
class Decision:
    """The wanted number of workers, and why in one line."""

    desired: int
    reason: str
    wanted: int = 0  # without any limit, budget or minimum: what is above `desired` may go to another pool


def decide(load: Load, scaling: Scaling, memory: Memory) -> tuple[Decision, Memory]:
    """The number of workers that the pool should have from now on, and what to remember."""
    startup = scaling.startup_seconds if load.startup_seconds is None else load.startup_seconds
    interval = _interval(load, memory)
    span = max(15.0, startup, scaling.target_seconds) / 2
    seen = arrivals.observe(memory.arrivals, load.arriving_gpu_seconds_per_second, load.at, span)
    have = load.ready + load.starting
    need = _need(load, scaling, startup, seen.flow(), interval)
    needs = idle_timeout.observe(memory.needs, min(need, scaling.maximum), load.at, shortest=1.5 * interval)
    kept = idle_timeout.kept(needs, load.at, startup, scaling.cooldown_seconds)
    wanted = max(need, min(have, kept))
    money = affordable(
        scaling.budget_per_day,
        spent=load.spent_today,
        price_per_hour=load.price_per_hour,
        now=load.at,
        interval=interval,
    )
    desired = int(min(max(wanted, scaling.minimum), scaling.maximum, money))
    reason = _reason(load, scaling, startup, have=have, desired=desired, wanted=wanted, need=need, money=money)
    return Decision(desired, reason, wanted), Memory(seen, needs, load.at)


def _need(load: Load, scaling: Scaling, startup: float, flow: float, interval: float) -> int:
    """Workers that have enough to do, without any regard to limits or money."""
    backlog = load.backlog_gpu_seconds
    if backlog <= 0 and flow <= 0:
        return 0
    allowed = STEADY * scaling.target_seconds
    horizon = max(allowed, WORTH * startup)
    # What is left when a worker that is asked for now is ready; those who start now are so half of that time.
    left = max(0.0, backlog + startup * (flow - load.ready - load.starting / 2))
    wanted = math.ceil(flow + (left - allowed * flow) / horizon - MARGIN)
    # Whoever has work stays: to release him saves nothing, the others would only take longer.
    busy = min(load.ready + load.starting, math.ceil(backlog / interval))
    return max(wanted, busy, 1 if backlog > 0 else 0)


def _interval(load: Load, memory: Memory) -> float:
    if memory.decided_at is None or not 0 < load.at - memory.decided_at < 10 * INTERVAL:
        return INTERVAL
    return load.at - memory.decided_at


def _reason(
    load: Load,
    scaling: Scaling,
    startup: float,
    *,
    have: int,
    desired: int,
    wanted: int,
    need: int,
    money: float,
) -> str:
    said = [
        sentence("%(seconds)s GPU-s waiting", seconds=f"{load.backlog_gpu_seconds:.0f}"),
        sentence("target %(seconds)s s", seconds=f"{scaling.target_seconds:g}"),
        sentence("start-up %(seconds)s s", seconds=f"{startup:.0f}"),
    ]
    if desired < min(max(wanted, scaling.minimum), scaling.maximum):
        said.append(
            sentence("the budget of the day allows no more") if money else sentence("the budget of the day is spent")
        )
    elif desired < wanted:
        said.append(sentence("maximum %(most)s", most=scaling.maximum))
        said.append(sentence("%(count)s would have work", count=wanted))
    elif desired > wanted:
        said.append(sentence("minimum %(least)s", least=scaling.minimum))
    elif desired > need:
        said += [sentence("kept for a while"), sentence("in case work comes")]
    change = f"{have} → {desired}" if desired != have else f"{desired}"
    return f"{change}: {', '.join(said)}"
