"""The rows that must be there before work can come: lanes and pools from the catalog, flows of projects."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, and_, case, func, or_, select, update

from farm.catalog import Catalog, PoolEntry
from farm.database import write
from farm.ids import new_id
from farm.tables import Flow, Lane, LaneClass, Pool, Worker
from scheduler.inserts import insert_or_ignore
from scheduler.roster import may_claim


@dataclass(frozen=True)
class Doorbell:
    """A pool that may be rung: `workers` are alive, each takes up to `max_batch` renders at once."""

    pool: str
    max_batch: int
    workers: int


def sync_catalog(engine: Engine, catalog: Catalog, now: float) -> None:
    """Give every model of the catalog its lane and every pool its row; what is known and equal is left alone.

    Any number of processes may do it at once. Lanes and pools that left the catalog stay: jobs refer to them.
    """
    with write(engine) as connection:
        # In the order of their names: two who come at once wait for each other, and never in a circle.
        for entry in sorted(catalog.models.values(), key=lambda entry: entry.lane):
            lane = {"name": entry.lane, "model": entry.name, "precision": entry.precision}
            connection.execute(insert_or_ignore(connection, Lane).values(lane))
        for pool in sorted(catalog.pools.values(), key=lambda pool: pool.name):
            _sync_pool(connection, pool, catalog.model(pool.model).lane)


def _sync_pool(connection: Connection, pool: PoolEntry, lane: str) -> None:
    row = {
        "name": pool.name,
        "lane": lane,
        "max_batch": pool.max_batch,
        "price_per_hour": pool.price_per_hour,
        "watts": pool.watts,
    }
    connection.execute(insert_or_ignore(connection, Pool).values(row))
    changed = or_(*(getattr(Pool, name) != value for name, value in row.items()))
    connection.execute(update(Pool).where(Pool.name == pool.name, changed).values(row))


def ensure_flow(connection: Connection, *, lane: str, project_id: str, class_name: str, weight: float) -> str:
    """The id of the project's flow of this class in this lane; a new one is idle."""
    this = and_(Flow.lane == lane, Flow.project_id == project_id, Flow.class_name == class_name)
    found = connection.scalar(select(Flow.id).where(this))
    if found is not None:
        return found
    row = {
        "id": new_id(),
        "lane": lane,
        "project_id": project_id,
        "class_name": class_name,
        "weight": weight,
    }
    connection.execute(insert_or_ignore(connection, Flow).values(row))
    return connection.execute(select(Flow.id).where(this)).scalar_one()


def wake_flow(connection: Connection, flow_id: str, weight: float | None = None) -> None:
    """Let a flow compete: called where renders become pending, in that transaction, late.

    A flow that was idle starts at the virtual time of its class: nobody saves up turns by being idle. A
    paused flow stays asleep. Locks the flow's row, for which claims wait, until the commit.
    """
    lane_time = (
        select(func.coalesce(func.max(LaneClass.flow_start), 0.0))
        .where(LaneClass.lane == Flow.lane, LaneClass.class_name == Flow.class_name)
        .scalar_subquery()
    )
    behind = and_(~Flow.backlogged, Flow.virtual_time < lane_time)
    values: dict[str, object] = {
        "virtual_time": case((behind, lane_time), else_=Flow.virtual_time),
        "backlogged": Flow.paused_at.is_(None),
        "wakes": Flow.wakes + 1,
    }
    if weight is not None:
        values["weight"] = weight
    connection.execute(update(Flow).where(Flow.id == flow_id).values(values))


def doorbells(connection: Connection, lane: str, alive_since: float) -> list[Doorbell]:
    """The pools of a lane that take work now, with the workers that have beaten since `alive_since` and may claim."""
    alive = and_(Worker.pool == Pool.name, may_claim(), Worker.heartbeat_at >= alive_since)
    rows = connection.execute(
        select(Pool.name, Pool.max_batch, func.count(Worker.id))
        .outerjoin(Worker, alive)
        .where(Pool.lane == lane, Pool.paused_at.is_(None))
        .group_by(Pool.name, Pool.max_batch)
        .order_by(Pool.name)
    )
    return [Doorbell(name, max_batch, workers) for name, max_batch, workers in rows]
