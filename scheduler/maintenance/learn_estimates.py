"""Learn from what was measured: a duty of the supervisor. It reads observations, updates, and removes them.

All in one transaction under the lock of the regressions' rows: two supervisors that do it at once take turns, and
what one has removed the other does not see. A pass that fails has learnt nothing and removed nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

import structlog
from sqlalchemy import Connection, delete, func, select, update

from farm.catalog import ModelEntry
from farm.connections import Connections
from farm.database import read, write
from farm.errors import FarmError
from farm.lifecycle import WorkerStatus
from farm.tables import Observation, Pool, Regression, Render, Worker
from scheduler.batching import batch_curves
from scheduler.dialects import insert_or_ignore
from scheduler.estimates.observations import Observed
from scheduler.estimates.pool_times import PoolTimes
from scheduler.forecasts.backlog import backlogs

log = structlog.get_logger(__name__)

#: Observations that one pass takes at most, so that it stays short on a farm of a thousand workers.
MOST_AT_ONCE = 2_000
#: Of one pool, a pass learns from the newest of them: more would teach it the same again.
MOST_OF_A_POOL = 256
_MEASURED = tuple(field.name for field in fields(Observed))


def one_pass(connections: Connections, now: float) -> int:
    """Learn what is there, up to MOST_AT_ONCE observations; returns how many were taken."""
    with read(connections.engine) as connection:
        if not _anything(connection):
            return 0
    with write(connections.engine) as connection:
        _lock(connection, now)
        taken = _take(connection)
        batch_curves.learn(connection, taken)
        for pool, observed in _by_pool(taken).items():
            entry = _entry(connections, pool)
            if entry is not None:
                _learn(connection, pool, entry, observed, now, connections.settings.worker_gone_seconds)
    return len(taken)


def _anything(connection: Connection) -> bool:
    return connection.scalar(select(Observation.id).limit(1)) is not None


def _lock(connection: Connection, now: float) -> None:
    """A row of `regressions` for every pool that has been measured, locked in the order of their names."""
    pools = connection.scalars(
        select(Pool.name)
        .where(Pool.name.in_(select(Observation.pool).distinct()), Pool.name.not_in(select(Regression.pool)))
        .order_by(Pool.name)
    )
    for pool in pools.all():
        row = {"pool": pool, "state": {}, "samples": 0, "updated_at": now}
        connection.execute(insert_or_ignore(connection, Regression).values(row))
    connection.execute(select(Regression.pool).order_by(Regression.pool).with_for_update())


def _take(connection: Connection) -> Sequence[Any]:
    """The oldest observations, removed."""
    oldest = select(Observation.id).order_by(Observation.id).limit(MOST_AT_ONCE)
    taken = connection.execute(
        delete(Observation).where(Observation.id.in_(oldest)).returning(*Observation.__table__.c)
    ).all()
    return sorted(taken, key=lambda row: row.id)


def _by_pool(taken: Sequence[Any]) -> dict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for row in taken:
        found[row.pool].append(row)
    return dict(sorted(found.items()))


def _entry(connections: Connections, pool: str) -> ModelEntry | None:
    try:
        return connections.catalog.model(connections.catalog.pool(pool).model)
    except FarmError:  # the pool left the catalog; nobody asks for its times any more
        return None


def _learn(
    connection: Connection, pool: str, entry: ModelEntry, rows: Sequence[Any], now: float, gone_seconds: float
) -> None:
    state = connection.scalar(select(Regression.state).where(Regression.pool == pool))
    times = PoolTimes.loaded(entry, state)
    newest = rows[-MOST_OF_A_POOL:]
    promised = _promised(connection, [row.render_id for row in newest])
    for _, group in groupby(newest, key=lambda row: row.at):
        settled = list(group)
        observed = [_observed(row) for row in settled]
        times = times.learn(entry, observed, [promised.get(row.render_id) for row in settled])
    alive = _alive(connection, pool, now - gone_seconds)
    lane = backlogs(connection, now, entry.lane).get(entry.lane)
    times = times.watched(
        now, sum(row.gpu_seconds for row in rows), workers=alive, waiting=bool(lane and lane.renders > 0)
    )
    connection.execute(
        update(Regression)
        .where(Regression.pool == pool)
        .values(state=times.state(), samples=times.samples, updated_at=now)
    )


def _promised(connection: Connection, render_ids: Sequence[str]) -> dict[str, float]:
    """What these renders were estimated at when they were admitted, by primary key."""
    rows = connection.execute(select(Render.id, Render.estimate).where(Render.id.in_(render_ids)))
    return {row.id: float(row.estimate) for row in rows}


def _alive(connection: Connection, pool: str, since: float) -> int:
    ready = Worker.status.in_([WorkerStatus.IDLE.value, WorkerStatus.RENDERING.value])
    return (
        connection.scalar(
            select(func.count()).select_from(Worker).where(Worker.pool == pool, ready, Worker.heartbeat_at >= since)
        )
        or 0
    )


def _observed(row: Any) -> Observed:
    return Observed(**{name: row._mapping[name] for name in _MEASURED})
