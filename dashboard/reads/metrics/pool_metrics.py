"""Who renders in each pool, how full the batches are and what it cost, as samples for Prometheus. Four statements."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, distinct, func, literal_column, select, union_all

from dashboard.reads.metrics.samples import Sample
from farm.lifecycle import WorkerStatus
from farm.metrics import farm_wide as metrics
from farm.tables import Attempt, Charge, Lane, Pool, Render, Usage, Worker
from scheduler.accounting.prices import cost
from scheduler.fleet.worker_registry import QUARANTINED, SILENT, seen_status

STATUSES = (*(status.value for status in WorkerStatus if status is not WorkerStatus.GONE), QUARANTINED, SILENT)
_JOULES = 3600.0  # of one Wh


def pool_samples(connection: Connection, currency: str, now: float, *, alive_since: float) -> Iterator[Sample]:
    """Of every pool that the farm knows. Workers whose last heartbeat is older than `alive_since` are silent."""
    pools = connection.execute(
        select(Pool.name, Pool.lane, Lane.model, Pool.max_batch, Pool.paused_at, Pool.desired).join(
            Lane, Lane.name == Pool.lane
        )
    ).all()
    for pool in pools:
        at = (pool.name,)
        yield Sample(metrics.POOL_INFO, (pool.name, pool.lane, pool.model), 1)
        yield Sample(metrics.POOL_PAUSED, at, pool.paused_at is not None)
        yield Sample(metrics.MAX_BATCH, at, pool.max_batch)
        if pool.desired is not None:
            yield Sample(metrics.WANTED, at, pool.desired)
    names = [pool.name for pool in pools]
    yield from _workers(connection, names, alive_since)
    yield from _batches(connection, names)
    yield from _spent(connection, names, currency)


def _workers(connection: Connection, pools: Sequence[str], alive_since: float) -> Iterator[Sample]:
    """By our own heartbeats: what Celery believes of a worker that was killed is that it is online."""
    rows: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(select(Worker.__table__).where(Worker.status != WorkerStatus.GONE.value)):
        rows[row.pool].append(row)
    for pool in pools:
        found = rows[pool]
        statuses = [seen_status(row, alive_since) for row in found]
        for status in STATUSES:
            yield Sample(metrics.WORKERS, (pool, status), statuses.count(status))
        yield Sample(metrics.RESTARTS, (pool,), sum(row.engine_restarts for row in found))
        yield Sample(metrics.STORAGE_AWAY, (pool,), sum(row.storage_away_since is not None for row in found))
        yield Sample(metrics.CLOCK_SKEW, (pool,), max((abs(row.clock_skew or 0.0) for row in found), default=0.0))


def _batches(connection: Connection, pools: Sequence[str]) -> Iterator[Sample]:
    """Reads ix_renders_running, and the attempts by primary key; who joined a batch has its id."""
    attempt = and_(Attempt.render_id == Render.id, Attempt.number == Render.attempt)
    statement = (
        select(Attempt.pool, func.count(), func.count(distinct(Attempt.batch_id)))
        .select_from(Render)
        .join(Attempt, attempt)
        .where(Render.status == literal_column("'running'"))
        .group_by(Attempt.pool)
    )
    found = {pool: (renders, batches) for pool, renders, batches in connection.execute(statement)}
    for pool in pools:
        renders, batches = found.get(pool, (0, 0))
        yield Sample(metrics.LEASED, (pool,), renders)
        yield Sample(metrics.BATCHES, (pool,), batches)


def _spent(connection: Connection, pools: Sequence[str], currency: str) -> Iterator[Sample]:
    """Usage of all days, which nothing removes, and what is not folded into it yet: these only grow.

    One statement, so that a charge that is folded meanwhile counts once. It reads all of `usage`: a row for each
    project, day and pool.
    """
    folded = select(Usage.pool, Usage.gpu_seconds, Usage.money, Usage.watt_hours, Usage.renders)
    money, watt_hours = cost(Charge.spent, Pool.price_per_hour), cost(Charge.spent, Pool.watts)
    unfolded = select(Charge.pool, Charge.spent, money, watt_hours, Charge.renders).join(Pool, Pool.name == Charge.pool)
    rows = union_all(folded, unfolded).subquery()
    sums = [func.sum(column) for name, column in rows.c.items() if name != "pool"]
    found = {row[0]: row[1:] for row in connection.execute(select(rows.c.pool, *sums).group_by(rows.c.pool))}
    for pool in pools:
        gpu_seconds, spent, energy, renders = found.get(pool, (0, 0, 0, 0))
        yield Sample(metrics.GPU_SECONDS, (pool,), _steady(gpu_seconds))
        yield Sample(metrics.COST, (pool, currency), _steady(spent))
        yield Sample(metrics.ENERGY, (pool,), _steady(energy * _JOULES))
        yield Sample(metrics.ENDED, (pool,), float(renders))


def _steady(total: float) -> float:
    """A sum without its last bits, which depend on the order of the rows: a counter that falls by one of them has begun
    anew to Prometheus, which then counts all of it once more.
    """
    return round(float(total), 3)
