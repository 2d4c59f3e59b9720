"""The lanes and pools of the catalog as rows, which must be there before work can come."""

from sqlalchemy import Connection, Engine, or_, update

from farm.catalog import Catalog, PoolEntry
from farm.database import write
from farm.tables import Lane, Pool
from scheduler.dialects import insert_or_ignore


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
