"""Duty: decide how many workers each scaled pool should have, write it down, and let the drivers know.

All that is remembered lies in the pool's row, so any supervisor may decide next. Pools of one lane share its work by
price: the cheapest is given all of it, and what its limits leave over goes on to the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, delete, insert, update

from farm.catalog import PoolEntry
from farm.connections import Connections
from farm.database import read, write
from farm.ids import new_id
from farm.sentences import sentence
from farm.tables import Pool, ScaleDecision, Worker
from scheduler.autoscale import startup_times
from scheduler.autoscale.bin_packing import full_batches
from scheduler.autoscale.draining import choose_to_drain, may_be_asked
from scheduler.autoscale.driver_interface import Driver, NotScaled, Order
from scheduler.autoscale.drivers import make_drivers
from scheduler.autoscale.pool_state import LaneWork, ScaledPool, read_pools, read_work
from scheduler.autoscale.scaling_policy import Decision, Load, Memory, decide
from scheduler.autoscale.startup_times import Startups

log = structlog.get_logger(__name__)

#: Decisions are kept for so long.
KEPT_SECONDS = 30 * 86_400.0
#: Who has missed so many beats is asked to end before anybody else.
_BEATS_MISSED = 3


@dataclass(frozen=True)
class Verdict:
    """What was decided of a pool, and what follows: who is asked to end, and how many there should be at once."""

    pool: ScaledPool
    decision: Decision
    memory: dict[str, Any]
    drain: list[str]
    desired: int  # not below those who are in the middle of something


class Autoscaler:
    """The duty, and the drivers that carry out what it decides; they connect when they are used."""

    def __init__(self) -> None:
        self._drivers = make_drivers()

    def one_pass(self, connections: Connections, now: float) -> int:
        """Decide once every `autoscale_seconds`; returns how many pools are to have another number of workers."""
        settings = connections.settings
        with read(connections.engine) as connection:
            alive_since = now - settings.worker_gone_seconds
            silent_since = now - _BEATS_MISSED * settings.heartbeat_seconds
            pools = read_pools(connection, connections.catalog, now, alive_since=alive_since, silent_since=silent_since)
            last = min((pool.decided_at or 0.0 for pool in pools), default=now)
            # A quarter of a second early is on time: the supervisor's rounds are not to the point.
            if not pools or 0 <= now - last < settings.autoscale_seconds - 0.25:
                return 0
            work = read_work(connection, sorted({pool.lane for pool in pools}), now, since=last)
            packed = {pool.entry.name: _packed(connection, connections, pool.entry) for pool in pools}
        verdicts = _decide_all(pools, work, now, since=last or now, drivers=self._drivers, packed=packed)
        problems = {verdict.pool.entry.name: _apply(verdict, self._drivers) for verdict in verdicts}
        with write(connections.engine) as connection:
            for verdict in verdicts:
                _write_down(connection, verdict, problems[verdict.pool.entry.name], now)
            connection.execute(delete(ScaleDecision).where(ScaleDecision.at < now - KEPT_SECONDS))
        return sum(verdict.desired != verdict.pool.desired for verdict in verdicts)


def _packed(connection: Connection, connections: Connections, entry: PoolEntry) -> float:
    return full_batches(connection, connections.catalog.model(entry.model), entry.max_batch)


def _decide_all(
    pools: list[ScaledPool],
    work: dict[str, LaneWork],
    now: float,
    *,
    since: float,
    drivers: Mapping[str, Driver],
    packed: Mapping[str, float],
) -> list[Verdict]:
    """The cheapest pool of a lane first; each takes the part of the work that those before it left over.

    `packed`: by pool, the GPU-seconds in its full batches for each one that was estimated.
    """
    left = dict.fromkeys(work, 1.0)
    verdicts = []
    for pool in pools:
        part = 0.0 if pool.paused else left[pool.lane]
        part *= packed[pool.entry.name]
        verdict = _decide(pool, work[pool.lane], part, now, since, drivers[pool.scaling.driver])
        verdicts.append(verdict)
        if not pool.paused and verdict.decision.wanted > 0:
            left[pool.lane] *= max(0.0, 1.0 - verdict.decision.desired / verdict.decision.wanted)
    return verdicts


def _decide(pool: ScaledPool, work: LaneWork, part: float, now: float, since: float, driver: Driver) -> Verdict:
    scaling, workers = pool.scaling, pool.workers
    measured = Startups(
        asked=tuple((count, at) for count, at in pool.memory.get("asked", [])), mean=pool.memory.get("startup")
    )
    ready = workers.ready
    there = len(workers.staying)
    load = Load(
        at=now,
        backlog_gpu_seconds=work.backlog.gpu_seconds * part,
        oldest_wait_seconds=work.backlog.oldest_wait(now) if part else 0.0,
        arriving_gpu_seconds_per_second=part * work.came / max(now - since, 1.0),
        ready=ready,
        # Those that were asked for and have not come yet are on their way.
        starting=max(there, pool.desired or 0) - ready,
        draining=len(workers.ending),
        spent_today=workers.seconds_today * pool.entry.price_per_hour / 3600.0,
        startup_seconds=measured.seconds(scaling.startup_seconds),
        price_per_hour=pool.entry.price_per_hour,
    )
    decision, memory = decide(load, scaling, Memory.from_json(pool.memory.get("policy")))
    surplus = there - decision.desired
    must = there > scaling.maximum or decision.desired < scaling.minimum
    drain = choose_to_drain(workers.staying, surplus, now, must=must)
    desired = max(decision.desired, there - len(drain))
    measured = startup_times.observe(
        measured, ready=ready, desired=desired, now=now, until_measured=scaling.startup_seconds
    )
    loads = {load.id: load for load in workers.staying}
    asked = [name for name in drain if may_be_asked(loads[name], workers.staying)]  # the others at the next decision
    remembered = {"policy": memory.to_json(), "startup": measured.mean, "asked": [list(one) for one in measured.asked]}
    return Verdict(pool, decision, remembered, asked if driver.asks_workers else [], desired)


def _apply(verdict: Verdict, drivers: Mapping[str, Driver]) -> str | None:
    """Tell the driver; returns why it could not, in one line."""
    pool = verdict.pool
    ending = {*verdict.drain, *(worker.id for worker in pool.workers.ending)}
    order = Order(
        pool=pool.entry.name,
        scaling=pool.scaling,
        desired=verdict.desired,
        losing=[host for worker, host in pool.workers.hosts if worker in ending],
    )
    try:
        drivers[pool.scaling.driver].scale(order)
    except NotScaled as error:
        if str(error) not in (pool.decision or ""):  # once, not every few seconds
            log.warning("pool not scaled", pool=pool.entry.name, desired=verdict.desired, reason=str(error))
        return str(error)
    return None


def _write_down(connection: Connection, verdict: Verdict, problem: str | None, now: float) -> None:
    """The pool's row, a line of history if the number changed, and the requests to end."""
    name, before = verdict.pool.entry.name, verdict.pool.desired
    reason = verdict.decision.reason
    if verdict.desired > verdict.decision.desired:
        reason += "; " + sentence("%(count)s until they have finished", count=verdict.desired)
    if problem:
        reason += "; " + sentence("not applied: %(problem)s", problem=problem)
    connection.execute(
        update(Pool)
        .where(Pool.name == name)
        .values(desired=verdict.desired, decision=reason, decided_at=now, scaling_memory=verdict.memory)
    )
    if verdict.drain:
        connection.execute(update(Worker).where(Worker.id.in_(verdict.drain)).values(drain_asked_at=now))
    # A pool that was never scaled had as many as are there.
    was = len(verdict.pool.workers.staying) if before is None else before
    if verdict.desired == was:
        return
    log.info("pool scaled", pool=name, reason=reason)
    line = {"id": new_id(), "pool": name, "at": now, "before": was, "after": verdict.desired, "reason": reason}
    connection.execute(insert(ScaleDecision).values(line))
