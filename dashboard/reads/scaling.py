"""How many workers each scaled pool should have, has, and why, as people and KEDA read it."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection, case, func, select

from dashboard import schemas
from dashboard.times import iso, iso_or_none
from farm.catalog import Catalog
from farm.lifecycle import WorkerStatus
from farm.tables import Pool, ScaleDecision, Worker
from scheduler.autoscale.scale_limits import limited

#: So many of a pool's last changes are shown.
SHOWN = 5


def list_scaling(connection: Connection, catalog: Catalog, pool: str | None = None) -> dict[str, schemas.Scaling]:
    """Of every pool that is scaled, or only of `pool`; three statements."""
    limits = (Pool.scale_minimum, Pool.scale_maximum)
    pools = select(Pool.name, Pool.desired, Pool.decision, Pool.decided_at, *limits).where(Pool.desired.is_not(None))
    rows = connection.execute(pools if pool is None else pools.where(Pool.name == pool)).all()
    names = [row.name for row in rows]
    counts, changes = _counts(connection, names), _changes(connection, names)
    found = {
        row.name: schemas.Scaling(
            desired=row.desired,
            decision=row.decision or "",
            decided_at=iso_or_none(row.decided_at),
            ready=counts[row.name][0],
            starting=counts[row.name][1],
            draining=counts[row.name][2],
            changes=changes[row.name],
            set_minimum=row.scale_minimum,
            set_maximum=row.scale_maximum,
        )
        for row in rows
    }
    return {name: _with_limits(scaling, name, catalog) for name, scaling in found.items()}


def _with_limits(scaling: schemas.Scaling, pool: str, catalog: Catalog) -> schemas.Scaling:
    """The same, with the limits that count now; without them where the catalog scales the pool no more."""
    entry = catalog.pools.get(pool)
    if entry is None or entry.scaling is None:
        return scaling
    now = limited(entry.scaling, scaling.set_minimum, scaling.set_maximum)
    return scaling.model_copy(update={"minimum": now.minimum, "maximum": now.maximum})


def with_scaling(pools: Iterable[schemas.Pool], scaling: dict[str, schemas.Scaling]) -> list[schemas.Pool]:
    """The pools, each with how it is scaled."""
    return [pool.model_copy(update={"scaling": scaling.get(pool.name)}) for pool in pools]


def _counts(connection: Connection, names: list[str]) -> dict[str, tuple[int, int, int]]:
    """Ready, starting and draining workers of each pool."""
    draining = (Worker.drain_asked_at.is_not(None)) | (Worker.status == WorkerStatus.DRAINING)
    starting = Worker.status == WorkerStatus.STARTING
    rows = connection.execute(
        select(
            Worker.pool,
            func.sum(case((draining | starting, 0), else_=1)),
            func.sum(case((draining, 0), (starting, 1), else_=0)),
            func.sum(case((draining, 1), else_=0)),
        )
        .where(Worker.pool.in_(names), Worker.status != WorkerStatus.GONE)
        .group_by(Worker.pool)
    )
    found = {pool: (int(ready), int(begins), int(ends)) for pool, ready, begins, ends in rows}
    return defaultdict(lambda: (0, 0, 0), found)


def _changes(connection: Connection, names: list[str]) -> dict[str, list[schemas.ScaleChange]]:
    """The last changes of each pool, the newest first."""
    number = func.row_number().over(partition_by=ScaleDecision.pool, order_by=ScaleDecision.at.desc())
    numbered = select(ScaleDecision.__table__, number.label("number")).where(ScaleDecision.pool.in_(names)).subquery()
    found: dict[str, list[schemas.ScaleChange]] = defaultdict(list)
    for row in connection.execute(select(numbered).where(numbered.c.number <= SHOWN).order_by(numbered.c.at.desc())):
        change = schemas.ScaleChange(at=iso(row.at), before=row.before, after=row.after, reason=row.reason)
        found[row.pool].append(change)
    return found
