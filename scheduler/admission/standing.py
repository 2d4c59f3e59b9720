"""Where a project stands in a lane: what admission reads before it writes, in two statements without a transaction."""

from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select

from farm.catalog import ModelEntry
from farm.connections import Connections
from farm.database import autocommit
from farm.errors import NotFound
from farm.tables import Flow, Lane, Pool, Project, Regression
from scheduler.accounting.quotas import LIMITED
from scheduler.estimates.estimator import Estimator, estimator_of
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.fleet.wake_workers import LIVING_WORKERS, RingTarget


@dataclass(frozen=True)
class Standing:
    """A project in one class of one lane, and who is there to render for it."""

    class_name: str
    weight: float
    limited: bool  # has a quota or a budget that admission looks at; one it gets a moment later is for what comes then
    flow_id: str | None  # None: it has never asked for anything of this class here
    targets: list[RingTarget]
    estimator: Estimator


#: By primary key, and by the unique index of flows. Flows stay: one that is found may be written to later.
_PROJECT = (
    select(Project.weight, LIMITED.label("limited"), Flow.id.label("flow_id"))
    .outerjoin(
        Flow,
        and_(
            Flow.lane == bindparam("of_lane"),
            Flow.project_id == Project.id,
            Flow.class_name == bindparam("of_class"),
        ),
    )
    .where(Project.id == bindparam("of_project"))
)
_POOLS = (
    select(Pool.name, Pool.max_batch, Pool.paused_at, LIVING_WORKERS.label("workers"), Regression.state)
    .outerjoin(Regression, Regression.pool == Pool.name)
    .where(Pool.lane == bindparam("of_lane"))
    .order_by(Pool.name)
)
_LANE = select(Lane.name).where(Lane.name == bindparam("of_lane"))


def read_standing(
    connections: Connections, project_id: str, entry: ModelEntry, class_name: str, now: float
) -> Standing:
    """How things stand at `now`, in seconds since 1970; lane and pools of the model have rows after it.

    Raises NotFound where there is no such project.
    """
    lane, alive_since = {"of_lane": entry.lane}, now - connections.settings.worker_gone_seconds
    with autocommit(connections.engine) as connection:
        found = connection.execute(_PROJECT, lane | {"of_project": project_id, "of_class": class_name}).one_or_none()
        if found is None:
            raise NotFound("There is no such project.")
        known = found.flow_id is not None or connection.scalar(_LANE, lane) is not None
        pools = connection.execute(_POOLS, lane | {"alive_since": alive_since}).all()
    if not known:  # the catalog grew since this farm was started
        sync_catalog(connections.engine, connections.catalog, now)
    return Standing(
        class_name=class_name,
        weight=found.weight,
        limited=bool(found.limited),
        flow_id=found.flow_id,
        targets=[RingTarget(pool.name, pool.max_batch, pool.workers) for pool in pools if pool.paused_at is None],
        estimator=estimator_of(entry, {pool.name: pool.state for pool in pools}),
    )
