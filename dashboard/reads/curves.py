"""The measured batch curves of pools, as people see them."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from dashboard import schemas
from dashboard.times import iso
from farm.catalog import Catalog
from farm.errors import NotFound
from farm.tables import Pool
from scheduler.batching.batch_curves import Curve, read_all
from scheduler.batching.batch_size_per_pass import batch_size


def list_curves(connection: Connection, catalog: Catalog, pool: str) -> list[schemas.BatchCurve]:
    """The curves of one pool's lane. Raises NotFound. Two statements."""
    found = connection.execute(select(Pool.lane, Pool.max_batch).where(Pool.name == pool)).one_or_none()
    if found is None:
        raise NotFound(f"There is no pool {pool[:80]!r}; GET /api/v1/pools lists them.")
    return _shown(read_all(connection, found.lane), catalog, found.max_batch)


def curves_by_pool(
    connection: Connection, catalog: Catalog, pools: Iterable[schemas.Pool]
) -> dict[str, list[schemas.BatchCurve]]:
    """The curves of all these pools. One statement."""
    shown = list(pools)
    by_lane: dict[str, list[Curve]] = {}
    for curve in read_all(connection, *{pool.lane for pool in shown}):
        by_lane.setdefault(curve.lane, []).append(curve)
    return {pool.name: _shown(by_lane.get(pool.lane, []), catalog, pool.max_batch) for pool in shown}


def _shown(curves: Iterable[Curve], catalog: Catalog, most: int) -> list[schemas.BatchCurve]:
    steps = {entry.lane: int(entry.defaults.get("num_inference_steps", 1)) for entry in catalog.models.values()}
    return [
        schemas.BatchCurve(
            lane=curve.lane,
            device=curve.device,
            width=curve.shape.width,
            height=curve.shape.height,
            frames=curve.shape.frames,
            steps=steps.get(curve.lane, 1),
            batch_size=batch_size(curve.points, most=most),
            points=[
                schemas.CurvePoint(
                    batch_size=point.batch_size,
                    pass_seconds=point.pass_seconds,
                    renders_per_second=point.rate / steps.get(curve.lane, 1),
                    samples=point.samples,
                )
                for point in curve.points
            ],
            updated_at=iso(curve.updated_at),
        )
        for curve in curves
    ]
