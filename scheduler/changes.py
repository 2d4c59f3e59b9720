"""What a batch of transitions does to jobs: counters, status, events; the last rows that it locks, but for flows."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select, update

from farm.lifecycle import JOB_ENDED, JobStatus, RenderStatus, job_status
from farm.progress import JobChanged
from farm.tables import Event, Job

#: The counter of each end.
_COUNTERS = {
    RenderStatus.DONE: Job.renders_done,
    RenderStatus.FAILED: Job.renders_failed,
    RenderStatus.CANCELLED: Job.renders_cancelled,
    RenderStatus.EXPIRED: Job.renders_expired,
}


@dataclass
class JobChange:
    """What happened to one job in one transaction: how many renders ended how, and what there is to tell."""

    ended: defaultdict[RenderStatus, int] = field(default_factory=lambda: defaultdict(int))
    #: Kind of event → indexes of the renders, and reasons by index where there are any.
    told: defaultdict[str, list[tuple[int, str | None]]] = field(default_factory=lambda: defaultdict(list))


def record(connection: Connection, changes: Mapping[str, JobChange], now: float) -> list[JobChanged]:
    """Write the changes of these jobs (by id), one event for each kind, numbered by the job's version.

    Jobs are locked one by one in the order of their ids (deadlocks). Announce what it returns after the commit.
    """
    return [_record_one(connection, job_id, changes[job_id], now) for job_id in sorted(changes)]


def paused(connection: Connection, job_ids: Collection[str]) -> frozenset[str]:
    """Which of these jobs are paused; certain once :func:`record` has locked them."""
    rows = connection.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.status == JobStatus.PAUSED.value))
    return frozenset(rows)


def _record_one(connection: Connection, job_id: str, change: JobChange, now: float) -> JobChanged:
    counters = {
        column.key: column + change.ended[status] for status, column in _COUNTERS.items() if change.ended[status]
    }
    job = connection.execute(
        update(Job)
        .where(Job.id == job_id)
        .values(version=Job.version + len(change.told), **counters)
        .returning(
            Job.project_id, Job.version, Job.status, Job.renders_total,
            Job.renders_done, Job.renders_failed, Job.renders_cancelled, Job.renders_expired,
        )
    ).one()  # fmt: skip
    before = JobStatus(job.status)
    after = job_status(
        before,
        total=job.renders_total,
        done=job.renders_done,
        failed=job.renders_failed,
        cancelled=job.renders_cancelled,
        expired=job.renders_expired,
    )
    if after is not before:
        finished_at = now if after in JOB_ENDED else None
        connection.execute(update(Job).where(Job.id == job_id).values(status=after.value, finished_at=finished_at))
    first = job.version - len(change.told) + 1
    connection.execute(
        insert(Event),
        [
            {"job_id": job_id, "version": first + place, "kind": kind, "at": now, "payload": _payload(renders, after)}
            for place, (kind, renders) in enumerate(change.told.items())
        ],
    )
    return JobChanged(job_id=job_id, project_id=job.project_id, version=job.version)


def _payload(renders: list[tuple[int, str | None]], status: JobStatus) -> dict[str, Any]:
    payload: dict[str, Any] = {"renders": [index for index, _ in renders], "status": status.value}
    if reasons := {str(index): reason for index, reason in renders if reason}:
        payload["reasons"] = reasons
    return payload
