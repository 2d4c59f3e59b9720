"""Pause and resume what claims look at: a flow, a lane, a pool. One row each, however much work it holds."""

from typing import Any

from sqlalchemy import Connection, select, update

from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import write
from farm.errors import NotFound
from farm.tables import Flow, Lane, Pool
from scheduler.control.release_renders import wake_workers
from scheduler.fair_share.flows import wake_flow
from scheduler.fleet.wake_workers import notify


def pause_flow(connections: Connections, flow_id: str) -> None:
    """Nothing of this flow is claimed any more; what runs goes on. Raises NotFound."""
    with write(connections.engine) as connection:
        lane = _switch(connection, Flow, Flow.id, flow_id, Flow.lane, connections.clock())
        connection.execute(update(Flow).where(Flow.id == flow_id).values(backlogged=False))
    notify(connections, lanes=[lane])


def resume_flow(connections: Connections, flow_id: str) -> None:
    """The flow competes again, from its class's time: a pause saves up no turns. Raises NotFound."""
    with write(connections.engine) as connection:
        lane = _switch(connection, Flow, Flow.id, flow_id, Flow.lane, None)
        wake_flow(connection, flow_id)
    wake_workers(connections, lane)


def pause_lane(connections: Connections, lane: str) -> None:
    """Nothing of this lane is claimed any more; what runs goes on. Raises NotFound."""
    with write(connections.engine) as connection:
        _switch(connection, Lane, Lane.name, lane, Lane.name, connections.clock())
        record(connection, Action.LANE_PAUSED, lane, connections.clock())
    notify(connections, lanes=[lane])


def resume_lane(connections: Connections, lane: str) -> None:
    """The lane is served again. Raises NotFound."""
    with write(connections.engine) as connection:
        _switch(connection, Lane, Lane.name, lane, Lane.name, None)
        record(connection, Action.LANE_RESUMED, lane, connections.clock())
    wake_workers(connections, lane)


def pause_pool(connections: Connections, pool: str) -> None:
    """The pool's workers claim nothing any more; what runs goes on. Raises NotFound."""
    with write(connections.engine) as connection:
        lane = _switch(connection, Pool, Pool.name, pool, Pool.lane, connections.clock())
        record(connection, Action.POOL_PAUSED, pool, connections.clock())
    notify(connections, lanes=[lane])


def resume_pool(connections: Connections, pool: str) -> None:
    """The pool's workers claim again. Raises NotFound."""
    with write(connections.engine) as connection:
        lane = _switch(connection, Pool, Pool.name, pool, Pool.lane, None)
        record(connection, Action.POOL_RESUMED, pool, connections.clock())
    wake_workers(connections, lane)


def _switch(
    connection: Connection,
    table: type[Flow | Lane | Pool],
    key: Any,
    value: str,
    lane: Any,
    paused_at: float | None,
) -> str:
    """Set or clear `paused_at` and return the lane; what is paused keeps the time of its first pause."""
    found = connection.scalar(select(lane).where(key == value))
    if found is None:
        raise NotFound(f"There is no {table.__tablename__.removesuffix('s')} {value[:80]!r}.")
    change = update(table).where(key == value)
    if paused_at is not None:
        change = change.where(table.paused_at.is_(None))
    connection.execute(change.values(paused_at=paused_at))
    return str(found)
