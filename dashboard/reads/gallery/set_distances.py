"""FID and KID of a job as people see them."""

from sqlalchemy import Connection

from dashboard import schemas
from dashboard.times import iso
from scheduler.gallery.set_distances import list_set_distances


def set_distances_of(connection: Connection, job_id: str) -> list[schemas.SetDistance]:
    """What is kept of a job, the newest first. Whose job it is has been looked at. One statement."""
    names = set(schemas.SetDistance.model_fields) - {"computed_at"}
    return [
        schemas.SetDistance(
            **{name: value for name, value in row._mapping.items() if name in names}, computed_at=iso(row.computed_at)
        )
        for row in list_set_distances(connection, job_id)
    ]
