"""The job's counters, for changes that people make: its row is locked after the renders and before the flow."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from farm.lifecycle import JobStatus, RenderStatus
from farm.progress import JobChanged
from farm.tables import Job
from scheduler.control.expected_version import check_expected
from scheduler.leases.job_counters import JobChange, record
from scheduler.leases.job_status import move_job


class Overtaken(Exception):
    """The job is not in the state this change began with: somebody else decided otherwise meanwhile.

    Raised inside a transaction, which must be rolled back.
    """


def set_status(
    connection: Connection, job_id: str, before: Collection[JobStatus], after: JobStatus, *, event: str, now: float
) -> JobChanged:
    """Put a job into the state `after`, with an event. Raises Overtaken unless it is in one of `before`."""
    if not move_job(connection, job_id, before, after):
        raise Overtaken(job_id)
    return enter(connection, job_id, event, indexes=[], now=now)


def require_status(connection: Connection, job_id: str, *allowed: JobStatus) -> None:
    """Lock the job. Raises Overtaken unless it is in one of these states."""
    if lock_status(connection, job_id) not in allowed:
        raise Overtaken(job_id)


def lock_status(connection: Connection, job_id: str) -> JobStatus | None:
    """Lock the job; its state, or None when there is no such job. Raises Changed as `enter` does."""
    row = connection.execute(select(Job.status, Job.version).where(Job.id == job_id).with_for_update()).one_or_none()
    if row is None:
        return None
    check_expected(job_id, row.version)
    return JobStatus(row.status)


def enter(
    connection: Connection,
    job_id: str,
    event: str,
    *,
    indexes: Sequence[int],
    now: float,
    ended: RenderStatus | None = None,
    back: RenderStatus | None = None,
) -> JobChanged:
    """Write one event for these renders (by index); they have `ended` so, or came `back` from such an end.

    Raises Changed where a request expects another version of the job: see `scheduler.control.expected_version`.
    """
    change = JobChange()
    change.events[event].extend((index, None) for index in indexes)
    if ended is not None:
        change.ended[ended] += len(indexes)
    if back is not None:
        change.ended[back] -= len(indexes)
    changed = record(connection, {job_id: change}, now)[0]
    check_expected(job_id, changed.version - 1)  # one event is one version
    return changed
