"""FID and KID of jobs, kept where somebody computed them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from farm.database import write
from farm.errors import Conflict, NotFound
from farm.ids import new_id
from farm.tables import Job, SetDistance

#: Of one job.
MOST_KEPT = 100


def keep_set_distance(engine: Engine, project_id: str, job_id: str, found: Mapping[str, Any], now: float) -> None:
    """Keep what was computed of a job, in place of what was known of the same reference by the same features.

    `found`: the columns of `set_distances`. Raises NotFound for a job that the project does not have, and Conflict
    where a hundred are kept.
    """
    with write(engine) as connection:
        mine = select(Job.id).where(Job.id == job_id, Job.project_id == project_id)
        if connection.scalar(mine.with_for_update()) is None:
            raise NotFound(f"There is no job {job_id} in your project.")
        connection.execute(
            delete(SetDistance).where(
                SetDistance.job_id == job_id,
                SetDistance.reference == found["reference"],
                SetDistance.features_sha256 == found["features_sha256"],
            )
        )
        kept = select(func.count()).select_from(SetDistance).where(SetDistance.job_id == job_id)
        if int(connection.scalar(kept) or 0) >= MOST_KEPT:
            raise Conflict(f"{MOST_KEPT} such figures of this job are kept, and no more.")
        connection.execute(insert(SetDistance), {**found, "id": new_id(), "job_id": job_id, "computed_at": now})


def list_set_distances(connection: Connection, job_id: str) -> Sequence[Any]:
    """What is kept of a job, the newest first. Whose job it is has been looked at. Reads ix_set_distances_job_id."""
    return connection.execute(
        select(SetDistance.__table__)
        .where(SetDistance.job_id == job_id)
        .order_by(SetDistance.computed_at.desc(), SetDistance.id.desc())
    ).all()
