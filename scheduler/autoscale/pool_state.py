"""What the autoscaler reads: the scaled pools of each lane, their workers, their work and what they cost today."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from farm.catalog import Catalog, PoolEntry, Scaling
from farm.lifecycle import WorkerStatus
from farm.tables import Job, Lane, Pool, Worker
from scheduler.autoscale.daily_budget import DAY
from scheduler.autoscale.draining import WorkerLoad
from scheduler.autoscale.scale_limits import limited
from scheduler.forecasts.backlog import Backlog, backlogs


@dataclass(frozen=True)
class PoolWorkers:
    """The workers of a pool: those that may go on, those that end, and the seconds that all of them stood today."""

    staying: tuple[WorkerLoad, ...] = ()
    ending: tuple[WorkerLoad, ...] = ()
    hosts: tuple[tuple[str, str], ...] = ()  # worker id, host
    seconds_today: float = 0.0

    @property
    def ready(self) -> int:
        """Workers that have their model and were not asked to end."""
        return sum(worker.ready for worker in self.staying)


@dataclass(frozen=True)
class ScaledPool:
    """A pool that somebody scales, as it stands now."""

    entry: PoolEntry
    scaling: Scaling
    lane: str
    paused: bool
    desired: int | None
    decision: str | None
    decided_at: float | None
    memory: dict[str, Any]
    workers: PoolWorkers


@dataclass(frozen=True)
class LaneWork:
    """What a lane has waiting, and what has come since the last decision."""

    backlog: Backlog
    came: float  # GPU-seconds


def read_pools(
    connection: Connection, catalog: Catalog, now: float, *, alive_since: float, silent_since: float
) -> list[ScaledPool]:
    """The pools with a `scaling` in the catalog, the cheapest first. Two statements."""
    scaled = {pool.name: (pool, pool.scaling) for pool in catalog.pools.values() if pool.scaling is not None}
    workers = read_workers(connection, list(scaled), now, alive_since=alive_since, silent_since=silent_since)
    rows = connection.execute(
        select(Pool.__table__, Lane.paused_at.label("lane_paused_at"))
        .join(Lane, Lane.name == Pool.lane)
        .where(Pool.name.in_(scaled))
        .order_by(Pool.price_per_hour, Pool.name)
    )
    return [
        ScaledPool(
            scaled[row.name][0],
            limited(scaled[row.name][1], row.scale_minimum, row.scale_maximum),
            lane=row.lane,
            paused=row.paused_at is not None or row.lane_paused_at is not None,
            desired=row.desired,
            decision=row.decision,
            decided_at=row.decided_at,
            memory=row.scaling_memory or {},
            workers=workers.get(row.name, PoolWorkers()),
        )
        for row in rows
    ]


def read_workers(
    connection: Connection, pools: list[str], now: float, *, alive_since: float, silent_since: float
) -> dict[str, PoolWorkers]:
    """Those who have beaten since `alive_since`, and the time since midnight (UTC) that any stood. One statement.

    `silent_since`: who has beaten before that alone has missed some beats.
    """
    midnight = now - now % DAY
    rows: dict[str, list[Row[Any]]] = defaultdict(list)
    statement = select(Worker.__table__).where(
        Worker.pool.in_(pools), Worker.heartbeat_at >= min(midnight, alive_since)
    )
    for row in connection.execute(statement):
        rows[row.pool].append(row)
    return {pool: _pool_workers(found, now, midnight, alive_since, silent_since) for pool, found in rows.items()}


def _pool_workers(
    rows: list[Row[Any]], now: float, midnight: float, alive_since: float, silent_since: float
) -> PoolWorkers:
    staying: list[WorkerLoad] = []
    ending: list[WorkerLoad] = []
    hosts: list[tuple[str, str]] = []
    seconds = 0.0
    for row in rows:
        alive = row.status != WorkerStatus.GONE and row.heartbeat_at >= alive_since
        seconds += max(0.0, (now if alive else row.heartbeat_at) - max(row.started_at, midnight))
        if not alive:
            continue
        load = WorkerLoad(
            id=row.id,
            leased=row.leased,
            busy_until=row.busy_until,
            started_at=row.started_at,
            ready=row.status != WorkerStatus.STARTING,
            host=row.host,
            heartbeat_at=row.heartbeat_at,
            silent=row.heartbeat_at < silent_since,
        )
        ends = row.drain_asked_at is not None or row.status == WorkerStatus.DRAINING
        (ending if ends else staying).append(load)
        hosts.append((row.id, row.host))
    return PoolWorkers(tuple(staying), tuple(ending), tuple(hosts), seconds)


def read_work(connection: Connection, lanes: list[str], now: float, since: float) -> dict[str, LaneWork]:
    """What these lanes have to do, and what came in after `since`."""
    found = backlogs(connection, now)
    came: dict[str, float] = defaultdict(float)
    new = [
        # ix_jobs_unfinished and ix_jobs_finished_at: never all jobs of all time.
        Job.finished_at.is_(None),
        Job.finished_at > since,
    ]
    for which in new:
        statement = (
            select(Job.lane, func.sum(Job.estimate))
            .where(which, Job.created_at > since, Job.lane.in_(lanes))
            .group_by(Job.lane)
        )
        for lane, gpu_seconds in connection.execute(statement):
            came[lane] += float(gpu_seconds)
    return {lane: LaneWork(found.get(lane, Backlog(lane)), came[lane]) for lane in lanes}
