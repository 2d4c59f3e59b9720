"""FID and KID of a job's pictures, or of what a filter of the gallery found, kept where somebody computed them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from farm.database import write
from farm.errors import Conflict, NotFound
from farm.ids import new_id
from farm.tables import GallerySetDistance, Job, Project, SetDistance

#: Of one job, and of one filter.
MOST_KEPT = 100
#: Of all filters of a project: filters come and go, so that the oldest give way.
MOST_OF_GALLERY = 1000


def keep_set_distance(engine: Engine, project_id: str, job_id: str, found: Mapping[str, Any], now: float) -> None:
    """Keep what was computed of a job, in place of what was known of the same reference by the same features.

    `found`: the columns of `set_distances`. Raises NotFound for a job that the project does not have, and Conflict
    where a hundred are kept.
    """
    with write(engine) as connection:
        mine = select(Job.id).where(Job.id == job_id, Job.project_id == project_id)
        if connection.scalar(mine.with_for_update()) is None:
            raise NotFound(f"There is no job {job_id} in your project.")
        _keep(connection, SetDistance, {"job_id": job_id}, found, now)


def keep_gallery_set_distance(
    engine: Engine, project_id: str, chosen: str, found: Mapping[str, Any], now: float
) -> None:
    """The same of what a filter of the project's gallery found; `chosen`: that filter. Raises Conflict as well."""
    with write(engine) as connection:
        # Locked, so that two who keep the same come one after the other.
        connection.execute(select(Project.id).where(Project.id == project_id).with_for_update())
        _keep(connection, GallerySetDistance, {"project_id": project_id, "chosen": chosen}, found, now)
        newest = (
            select(GallerySetDistance.id)
            .where(GallerySetDistance.project_id == project_id)
            .order_by(GallerySetDistance.computed_at.desc(), GallerySetDistance.id.desc())
        )
        of_project = GallerySetDistance.project_id == project_id
        old = newest.offset(MOST_OF_GALLERY)
        connection.execute(delete(GallerySetDistance).where(of_project, GallerySetDistance.id.in_(old)))


def list_set_distances(connection: Connection, job_id: str) -> Sequence[Any]:
    """What is kept of a job, the newest first. Whose job it is has been looked at. Reads ix_set_distances_job_id."""
    return _listed(connection, SetDistance, {"job_id": job_id})


def list_gallery_set_distances(connection: Connection, project_id: str, chosen: str) -> Sequence[Any]:
    """What is kept of a filter, the newest first. Reads ix_gallery_set_distances_project_id: MOST_OF_GALLERY rows."""
    return _listed(connection, GallerySetDistance, {"project_id": project_id, "chosen": chosen})


def _keep(connection: Connection, table: Any, of: Mapping[str, str], found: Mapping[str, Any], now: float) -> None:
    mine = _mine(table, of)
    same = (table.reference == found["reference"], table.features_sha256 == found["features_sha256"])
    connection.execute(delete(table).where(*mine, *same))
    if int(connection.scalar(select(func.count()).select_from(table).where(*mine)) or 0) >= MOST_KEPT:
        raise Conflict(f"{MOST_KEPT} such figures of these pictures are kept, and no more.")
    connection.execute(insert(table), {**found, **of, "id": new_id(), "computed_at": now})


def _listed(connection: Connection, table: Any, of: Mapping[str, str]) -> Sequence[Any]:
    rows = select(table.__table__).where(*_mine(table, of))
    return connection.execute(rows.order_by(table.computed_at.desc(), table.id.desc())).all()


def _mine(table: Any, of: Mapping[str, str]) -> list[Any]:
    return [getattr(table, name) == value for name, value in of.items()]
