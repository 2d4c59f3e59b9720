"""Put jobs into another state, by the table of `farm.lifecycle`. Nobody else writes the status of a job.

A job that comes to its end so is written to the outbox of webhooks in the same transaction.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Case, Connection, bindparam, case, update

from farm.lifecycle import JOB_ENDED, JobStatus, check_job_transition
from farm.tables import Job
from scheduler.webhooks.outbox import has_webhooks, write_job_ended

_MOVE_LOCKED = (
    update(Job)
    .where(Job.id == bindparam("of_job"))
    .values(status=bindparam("new_status"), finished_at=bindparam("ended_at", type_=Job.finished_at.type))
    .returning(has_webhooks())  # asked along the way: most projects have none, and every job comes by here
)


def move_locked_job(connection: Connection, job_id: str, before: JobStatus, after: JobStatus, now: float) -> None:
    """Put a job that this transaction has locked from one state into another. Raises NotAllowed."""
    check_job_transition(before, after)
    finished_at = now if after in JOB_ENDED else None
    values = {"of_job": job_id, "new_status": after.value, "ended_at": finished_at}
    if connection.scalar(_MOVE_LOCKED, values) and after in JOB_ENDED:
        write_job_ended(connection, job_id, after, now)
    if before in JOB_ENDED and after not in JOB_ENDED:  # somebody retried it: nobody who deleted it before meant that
        connection.execute(update(Job).where(Job.id == job_id).values(delete_at=None))


def move_job(connection: Connection, job_id: str, before: Collection[JobStatus], after: JobStatus, *where: Any) -> bool:
    """Put a job into the state `after`, which is no end, if it is in one of `before` and all of `where` hold.

    Says whether it was. Raises NotAllowed.
    """
    assert after not in JOB_ENDED
    return _move_if(connection, job_id, before, after, where)


def end_job(
    connection: Connection, job_id: str, before: Collection[JobStatus], after: JobStatus, *where: Any, now: float
) -> bool:
    """Put a job into the end `after` if it is in one of `before` and all of `where` hold; whether it was.

    Raises NotAllowed.
    """
    assert after in JOB_ENDED
    ended = _move_if(connection, job_id, before, after, where, finished_at=now)
    if ended:
        write_job_ended(connection, job_id, after, now)
    return ended


def _move_if(
    connection: Connection,
    job_id: str,
    before: Collection[JobStatus],
    after: JobStatus,
    where: Collection[Any],
    **values: Any,
) -> bool:
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
