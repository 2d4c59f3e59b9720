"""How many renders of a shape a device's memory held at once, in SQL, so that a worker that starts knows it.

Written by workers whose engine ran out of memory, read by the workers of the same pool on the same kind of device.
A limit is of the settings it was found with (`held`: where weights lie and in which precision), and it is tried again
after a day: a neighbour on the device may have taken the memory.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from farm.tables import MemoryLimit
from scheduler.batching.batch_curves import Shape

#: Seconds for which a limit holds.
LIFE_SECONDS = 24 * 3600.0


def read_limits(connection: Connection, *, pool: str, device: str, held: str, now: float) -> dict[Shape, int]:
    """Shape → renders that fit. By primary key's first columns."""
    rows = connection.execute(
        select(MemoryLimit.width, MemoryLimit.height, MemoryLimit.frames, MemoryLimit.renders).where(
            MemoryLimit.pool == pool,
            MemoryLimit.device == device,
            MemoryLimit.held == held,
            MemoryLimit.at > now - LIFE_SECONDS,
        )
    )
    return {Shape(row.width, row.height, row.frames): row.renders for row in rows}


def write_limits(
    connection: Connection, limits: Mapping[Shape, int], *, pool: str, device: str, held: str, now: float
) -> None:
    """Remember limits that were found just now. Deletes and inserts by primary key."""
    for shape, renders in sorted(limits.items()):
        key = {
            "pool": pool,
            "device": device,
            "width": shape.width,
            "height": shape.height,
            "frames": shape.frames,
        }
        connection.execute(delete(MemoryLimit).filter_by(**key))
        connection.execute(insert(MemoryLimit).values(**key, held=held, renders=renders, at=now))
