"""The job's books: its counters, its status, and one event for each change. The job's row is locked last."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from farm.lifecycle import JobStatus
from farm.progress import JobChanged
from farm.tables import Event, Job


class Overtaken(Exception):
    """The job's status is not what this change began with: somebody else decided otherwise meanwhile."""


def enter(
    connection: Connection,
    job_id: str,
    kind: str,
    *,
    now: float,
    indexes: Sequence[int],
    only: Sequence[JobStatus] | None = None,
    status: JobStatus | None = None,
    failed: int = 0,
    cancelled: int = 0,
    reason: str | None = None,
) -> JobChanged:
    """Change the counters by `failed` and `cancelled`, raise the version, write the event `kind`.

    The status follows from the counters when all renders have ended; otherwise it is `status`, or open again.

    Raises:
        Overtaken: the job is in none of the states `only`; the caller's transaction must not be committed.
    """
    job = connection.execute(select(Job.__table__).where(Job.id == job_id).with_for_update()).one()
    if only is not None and job.status not in only:
        raise Overtaken(job.status)
    done, failed, cancelled = job.renders_done, job.renders_failed + failed, job.renders_cancelled + cancelled
    ended = ended_status(job.renders_total, done, failed, cancelled, job.renders_expired)
    unended = status or (JobStatus.PAUSED if job.status == JobStatus.PAUSED else JobStatus.OPEN)
    version = job.version + 1
    connection.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(
            version=version,
            renders_failed=failed,
            renders_cancelled=cancelled,
            status=(ended or unended).value,
            finished_at=now if ended else None,
        )
    )
    payload: dict[str, Any] = {"renders": list(indexes)}
    if reason is not None:
        payload["reason"] = reason
    event = {"job_id": job_id, "version": version, "kind": kind, "at": now, "payload": payload}
    connection.execute(insert(Event), event)
    return JobChanged(job_id=job_id, project_id=job.project_id, version=version)


def ended_status(total: int, done: int, failed: int, cancelled: int, expired: int) -> JobStatus | None:
    """How a job of these counts has ended; None while some of its renders have not."""
    if done + failed + cancelled + expired < total:
        return None
    if done == total:
        return JobStatus.DONE
    if done:
        return JobStatus.PARTIAL
    if failed:
        return JobStatus.FAILED
    return JobStatus.CANCELLED if cancelled else JobStatus.EXPIRED
