"""After the commit: tell busy workers, wake idle ones, tell who watches. Nothing here raises or waits for Redis."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from farm.connections import Connections
from farm.progress import JobChanged
from farm.tables import Pool, Worker
from scheduler.fleet.worker_registry import may_claim


@dataclass(frozen=True)
class RingTarget:
    """A pool that may be rung: `workers` are alive, each takes up to `max_batch` renders at once."""

    pool: str
    max_batch: int
    workers: int


#: How many workers of a pool have beaten since `alive_since` and may claim.
LIVING_WORKERS = (
    select(func.count())
    .where(Worker.pool == Pool.name, may_claim(), Worker.heartbeat_at >= bindparam("alive_since"))
    .scalar_subquery()
)
_TARGETS = (
    select(Pool.name, Pool.max_batch, LIVING_WORKERS)
    .where(Pool.lane == bindparam("of_lane"), Pool.paused_at.is_(None))
    .order_by(Pool.name)
)


def ring_targets(connection: Connection, lane: str, alive_since: float) -> list[RingTarget]:
    """The pools of a lane that take work now, with the workers that have beaten since `alive_since` and may claim."""
    rows = connection.execute(_TARGETS, {"of_lane": lane, "alive_since": alive_since})
    return [RingTarget(name, max_batch, workers) for name, max_batch, workers in rows]


def notify(connections: Connections, *, lanes: Iterable[str], changed: Iterable[JobChanged] = ()) -> None:
    """Busy workers of these lanes look into SQL between two steps; pages that show these jobs read again."""
    connections.progress.announce(*changed, lanes=sorted(set(lanes)))


def ring(connections: Connections, targets: Iterable[RingTarget], renders: int) -> None:
    """Invite as many workers of each pool as `renders` need and as live.

    A pool without a living worker gets one ring, for the first that comes.
    """
    for target in targets:
        wanted = min(max(1, target.workers), math.ceil(renders / target.max_batch))
        connections.broker.ring_soon(target.pool, target.workers, wanted)
