"""Duty: pools with pending work are rung until every idle worker has a ring. It heals rings that got lost.

Rings are lost when Redis is wiped, when a worker dies between hearing and claiming, or when admission dies
after its commit. Idle workers also poll SQL by themselves; the ring is only sooner.
"""

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal_column, select

from farm.connections import Connections
from farm.database import read
from farm.lifecycle import WorkerStatus
from farm.tables import Flow, Lane, Pool, Worker
from scheduler.fleet.worker_registry import may_claim


def one_pass(connections: Connections, now: float) -> int:
    """Ring for idle workers that beat within `worker_gone_seconds`; returns how many rings were sent."""
    alive_since = now - connections.settings.worker_gone_seconds
    with read(connections.engine) as connection:
        pools = connection.execute(_pools_to_ring(alive_since)).all()
    rings = 0
    for pool, idle in pools:
        for _ in range(idle):
            if not connections.broker.ring(pool, idle):
                break
            rings += 1
    return rings


def _pools_to_ring(alive_since: float) -> Select[str, int]:
    """Pools with idle workers, in lanes with a flow that competes; the pool and the lane are not paused.

    A flow competes while it is `backlogged`: one probe of ix_flows_backlogged for each pool.
    """
    # As the index has it: SQLAlchemy's 'backlogged = 1' would not use it on SQLite.
    backlogged: ColumnElement[bool] = literal_column("flows.backlogged")
    work = exists().where(Flow.lane == Pool.lane, backlogged)
    idle = and_(
        Worker.pool == Pool.name,
        Worker.status == WorkerStatus.IDLE.value,
        may_claim(),
        Worker.heartbeat_at >= alive_since,
    )
    return (
        select(Pool.name, func.count(Worker.id))
        .join(Lane, Lane.name == Pool.lane)
        .join(Worker, idle)
        .where(Pool.paused_at.is_(None), Lane.paused_at.is_(None), work)
        .group_by(Pool.name)
        .order_by(Pool.name)
    )
