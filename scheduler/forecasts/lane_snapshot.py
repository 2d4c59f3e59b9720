"""What a lane looks like now, for forecasts and reasons: its backlog, its pools, who is there. Reads only.

Five statements, however many renders wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from sqlalchemy import Connection, bindparam, select

from farm.catalog import Catalog, ModelEntry
from farm.errors import FarmError
from farm.lifecycle import WorkerStatus
from farm.tables import Lane, Pool, Regression, Worker
from scheduler.accounting.prices import Rates
from scheduler.estimates.estimator import Estimator
from scheduler.estimates.pool_times import PoolTimes, Range
from scheduler.fleet.storage_outages import Unstored, of_workers
from scheduler.forecasts.backlog import Backlog, backlog
from scheduler.forecasts.start_times import FlowWork, Workers

#: GPU-seconds that a worker renders in a second, before anybody measured it: some is lost between batches.
FIRST_SPEED = Range(0.4, 0.8, 1.0)
#: Seconds from claim to settle for each second that the device works for the batch, before it was measured.
FIRST_TURNAROUND = Range(1.0, 1.3, 2.5)
#: A worker that is starting takes at least so long, in seconds, where it should have been ready by now.
SOON_SECONDS = 5.0
DEFAULT_STARTUP_SECONDS = 60.0


@dataclass(frozen=True)
class PoolSnapshot:
    """One pool: who is there. All counts are workers that have beaten lately."""

    name: str
    paused: bool
    max_batch: int
    rates: Rates
    times: PoolTimes
    startup_seconds: float
    ready: int = 0  # take work
    idle: int = 0  # of them with nothing to do
    quarantined: int = 0
    draining: int = 0
    starting: tuple[float, ...] = ()  # seconds until each is ready
    wanted: int = 0  # more that the autoscaler has decided to start
    seen: bool = False  # a worker of this pool was ever there
    scaled: bool = False  # somebody starts workers when there is work
    unstored: Unstored | None = None  # of the workers that are ready, those that cannot store what they render


@dataclass(frozen=True)
class LaneSnapshot:
    """A lane with all its pools."""

    backlog: Backlog
    paused: bool
    pools: Sequence[PoolSnapshot]

    @property
    def open_pools(self) -> list[PoolSnapshot]:
        """The pools that are not paused."""
        return [pool for pool in self.pools if not pool.paused]

    @property
    def idle(self) -> bool:
        """Whether some worker has nothing to do."""
        return any(pool.idle for pool in self.open_pools)

    @property
    def unstored(self) -> Unstored | None:
        """If nothing that any ready worker renders could be stored: since when and why."""
        found = [pool.unstored for pool in self.open_pools if pool.unstored is not None]
        workers = sum(unstored.workers for unstored in found)
        if not found or workers < sum(pool.ready for pool in self.open_pools):
            return None
        return replace(min(found, key=lambda unstored: unstored.since), workers=workers)

    def estimator(self) -> Estimator:
        """Estimates by what its pools have learnt."""
        return Estimator({pool.name: pool.times for pool in self.pools})

    def rates(self) -> Rates:
        """What a GPU-second costs: the mean over the workers that are ready, or over the pools if none is."""
        pools = self.open_pools or self.pools
        weights = [pool.ready for pool in pools] if any(pool.ready for pool in pools) else [1] * len(pools)
        if not pools:
            return Rates()
        return Rates(
            fmean([pool.rates.price_per_hour for pool in pools], weights),
            fmean([pool.rates.watts for pool in pools], weights),
        )

    def flows(self) -> list[FlowWork]:
        """What every flow has waiting."""
        return [
            FlowWork(flow.flow_id, flow.class_name, flow.weight, flow.waiting.gpu_seconds)
            for flow in self.backlog.by_flow.values()
        ]

    def workers(self) -> list[Workers]:
        """Who renders, and who will be ready when."""
        groups = []
        for pool in self.open_pools:
            speed = _quantiles(pool.times.busy, FIRST_SPEED)
            groups.append(Workers(pool.ready, speed))
            groups += [Workers(1, speed, after) for after in pool.starting]
            groups.append(Workers(pool.wanted, speed, pool.startup_seconds))
        return [group for group in groups if group.count > 0]

    def turnaround(self) -> Range:
        """Seconds from claim to settle for each second that the device works for a batch."""
        measured = [pool.times for pool in self.open_pools if pool.times.overheads]
        if not measured:
            return FIRST_TURNAROUND
        return _quantiles(max(measured, key=lambda times: times.samples).overheads, FIRST_TURNAROUND)


_PAUSED = select(Lane.paused_at).where(Lane.name == bindparam("of_lane"))
_POOLS = (
    select(Pool.__table__, Regression.state)
    .outerjoin(Regression, Regression.pool == Pool.name)
    .where(Pool.lane == bindparam("of_lane"))
    .order_by(Pool.name)
)
_WORKERS = select(
    Worker.pool,
    Worker.status,
    Worker.leased,
    Worker.started_at,
    Worker.heartbeat_at,
    Worker.drain_asked_at,
    Worker.quarantined_at,
    Worker.storage_away_since,
    Worker.storage_trouble,
).where(Worker.pool.in_(bindparam("pools", expanding=True)))


def look(connection: Connection, catalog: Catalog, entry: ModelEntry, now: float, gone_seconds: float) -> LaneSnapshot:
    """The lane of this model. Pools that left the catalog are left out."""
    paused_at = connection.scalar(_PAUSED, {"of_lane": entry.lane})
    rows = connection.execute(_POOLS, {"of_lane": entry.lane}).all()
    workers = connection.execute(_WORKERS, {"pools": [row.name for row in rows]}).all()
    pools = [
        _pool(row, catalog, entry, [worker for worker in workers if worker.pool == row.name], now, gone_seconds)
        for row in rows
        if row.name in catalog.pools
    ]
    return LaneSnapshot(backlog(connection, entry.lane, now), paused_at is not None, pools)


def entry_of(catalog: Catalog, model: str) -> ModelEntry | None:
    """The model's entry; None when it left the catalog."""
    try:
        return catalog.model(model)
    except FarmError:
        return None


def _pool(
    row: Any, catalog: Catalog, entry: ModelEntry, workers: Sequence[Any], now: float, gone_seconds: float
) -> PoolSnapshot:
    scaling = catalog.pool(row.name).scaling
    startup = scaling.startup_seconds if scaling else DEFAULT_STARTUP_SECONDS
    alive = [
        worker
        for worker in workers
        if worker.heartbeat_at >= now - gone_seconds and worker.status != WorkerStatus.GONE.value
    ]
    quarantined = [worker for worker in alive if worker.quarantined_at is not None]
    draining = [
        worker for worker in alive if worker.drain_asked_at is not None or worker.status == WorkerStatus.DRAINING.value
    ]
    able = [worker for worker in alive if worker not in quarantined and worker not in draining]
    starting = [worker for worker in able if worker.status == WorkerStatus.STARTING.value]
    ready = [worker for worker in able if worker not in starting]
    return PoolSnapshot(
        name=row.name,
        paused=row.paused_at is not None,
        max_batch=row.max_batch,
        rates=Rates(row.price_per_hour, row.watts),
        times=PoolTimes.loaded(entry, row.state),
        startup_seconds=startup,
        ready=len(ready),
        idle=sum(worker.status == WorkerStatus.IDLE.value and worker.leased == 0 for worker in ready),
        quarantined=len(quarantined),
        draining=len(draining),
        starting=tuple(sorted(max(SOON_SECONDS, worker.started_at + startup - now) for worker in starting)),
        wanted=max(0, (row.desired or 0) - len(able)),
        seen=bool(workers),
        scaled=scaling is not None and scaling.maximum > 0,
        unstored=of_workers(ready),
    )


def _quantiles(samples: Sequence[float], first: Range) -> Range:
    """The tenth, the middle and the ninetieth percentile of what was measured; `first` fills up few samples."""
    known = sorted((*samples, *(first.low, first.likely, first.high)[len(samples) :]))
    last = len(known) - 1
    low, likely, high = (known[round(share * last)] for share in (0.1, 0.5, 0.9))
    return Range(low, fmean((likely, known[last - round(0.5 * last)])), high)
