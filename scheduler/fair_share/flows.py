"""The rows that must be there before work can come: lanes and pools from the catalog, flows of projects."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, and_, func, or_, select, update

from farm.catalog import Catalog, PoolEntry
from farm.database import write
from farm.ids import new_id
from farm.tables import Flow, Lane, Pool, Project, Worker
from scheduler.dialects import insert_or_ignore
from scheduler.fair_share.charges import Account, level, unfolded_of
from scheduler.fair_share.virtual_time import flow_charge, newcomer_start
from scheduler.fleet.worker_registry import may_claim


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
    """The id of the project's flow of this class in this lane; a new one is idle, and paused if its project is.

    A new one keeps the project from being paused or resumed until the commit: that must see it.
    """
    this = and_(Flow.lane == lane, Flow.project_id == project_id, Flow.class_name == class_name)
    found = connection.scalar(select(Flow.id).where(this))
    if found is not None:
        return found
    paused_at = connection.scalar(
        select(Project.paused_at).where(Project.id == project_id).with_for_update(read=True, of=Project)
    )
    row = {
        "id": new_id(),
        "lane": lane,
        "project_id": project_id,
        "class_name": class_name,
        "weight": weight,
        "paused_at": paused_at,
    }
    connection.execute(insert_or_ignore(connection, Flow).values(row))
    return connection.execute(select(Flow.id).where(this)).scalar_one()


def wake_flow(connection: Connection, flow_id: str, weight: float | None = None) -> None:
    """Let a flow compete: called where renders become pending, in that transaction, late.

    A flow that was idle starts at the virtual time of its class: nobody saves up turns by being idle. A
    paused flow stays asleep. Locks the flow's row until the commit, for which a claim waits that found it empty.
    """
    # Locked before its charges are read: they cannot be folded between the two.
    flow = connection.execute(
        select(Flow.lane, Flow.class_name, Flow.weight, Flow.virtual_time, Flow.backlogged)
        .where(Flow.id == flow_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if flow is None:
        return
    weight = flow.weight if weight is None else weight
    values: dict[str, object] = {"backlogged": Flow.paused_at.is_(None), "wakes": Flow.wakes + 1, "weight": weight}
    if not flow.backlogged:
        account = Account(flow.lane, flow.class_name)
        ahead = flow_charge(unfolded_of(connection, flow_id, account), weight)
        start = newcomer_start(flow.virtual_time + ahead, *level(connection, account))
        values["virtual_time"] = start - ahead
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
