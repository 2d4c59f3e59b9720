"""Put jobs into another state, by the table of `farm.lifecycle`. Nobody else writes the status of a job."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Case, Connection, bindparam, case, update

from farm.lifecycle import JOB_ENDED, JobStatus, check_job_transition
from farm.tables import Job

_MOVE_LOCKED = (
    update(Job)
    .where(Job.id == bindparam("of_job"))
    .values(status=bindparam("new_status"), finished_at=bindparam("ended_at", type_=Job.finished_at.type))
)


def move_locked_job(connection: Connection, job_id: str, before: JobStatus, after: JobStatus, now: float) -> None:
    """Put a job that this transaction has locked from one state into another. Raises NotAllowed."""
    check_job_transition(before, after)
    finished_at = now if after in JOB_ENDED else None
    connection.execute(_MOVE_LOCKED, {"of_job": job_id, "new_status": after.value, "ended_at": finished_at})


def move_job(
    connection: Connection, job_id: str, before: Collection[JobStatus], after: JobStatus, *where: Any, **values: Any
) -> bool:
    """Put a job into the state `after` if it is in one of `before` and all of `where` hold; whether it was.

    Raises NotAllowed.
    """
    for state in before:
        check_job_transition(state, after)
    states = sorted(state.value for state in before)
    moved = connection.execute(
        update(Job).where(Job.id == job_id, Job.status.in_(states), *where).values(status=after.value, **values)
    )
    return moved.rowcount == 1


def admitting_again(before: Collection[JobStatus]) -> dict[str, Case[str]]:
    """For the UPDATE of a job that is in one of `before` and gets more renders: it is admitting, or stays paused.

    In the same statement as its counters, since a chunk costs one. Raises NotAllowed.
    """
    for state in set(before) - {JobStatus.PAUSED, JobStatus.ADMITTING}:
        check_job_transition(state, JobStatus.ADMITTING)
    return {"status": case((Job.status == JobStatus.PAUSED.value, Job.status), else_=JobStatus.ADMITTING.value)}
