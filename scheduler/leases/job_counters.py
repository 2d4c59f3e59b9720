"""What a batch of transitions does to jobs: counters, status, events; the last rows that it locks, but for flows."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, insert, select, update

from farm.lifecycle import JobStatus, RenderStatus, job_status
from farm.progress import JobChanged
from farm.tables import Event, Job
from scheduler.leases.job_status import move_locked_job
from scheduler.webhooks.outbox import has_webhooks
from scheduler.webhooks.render_ends import write_renders_ended

#: The counter of each end.
_COUNTERS = {
    RenderStatus.DONE: Job.renders_done,
    RenderStatus.FAILED: Job.renders_failed,
    RenderStatus.CANCELLED: Job.renders_cancelled,
    RenderStatus.EXPIRED: Job.renders_expired,
}

_SPENT = ("gpu_seconds", "money", "watt_hours")


@dataclass
class JobChange:
    """What happened to one job in one transaction: how many renders ended how, and what there is to tell."""

    ended: defaultdict[RenderStatus, int] = field(default_factory=lambda: defaultdict(int))
    #: Kind of event → indexes of the renders, and reasons by index where there are any.
    events: defaultdict[str, list[tuple[int, str | None]]] = field(default_factory=lambda: defaultdict(list))
    gpu_seconds: float = 0.0  # spent since the last time, and what that costs
    money: float = 0.0
    watt_hours: float = 0.0


def record(
    connection: Connection, changes: Mapping[str, JobChange], now: float, *, events: bool = True
) -> list[JobChanged]:
    """Write the changes of these jobs (by id), one event for each kind, numbered by the job's version.

    Jobs are locked one by one in the order of their ids (deadlocks). Announce what it returns after the commit.
    Without `events` nothing is told, and the version stays: for those whom nobody watches.
    """
    return [_record_one(connection, job_id, changes[job_id], now, events) for job_id in sorted(changes)]


def paused(connection: Connection, job_ids: Collection[str]) -> frozenset[str]:
    """Which of these jobs are paused; certain once :func:`record` has locked them."""
    rows = connection.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.status == JobStatus.PAUSED.value))
    return frozenset(rows)


def _record_one(connection: Connection, job_id: str, change: JobChange, now: float, events: bool) -> JobChanged:
    written = change.events if events else {}
    ended = {status.value: count for status, count in change.ended.items() if count}
    values = {"of_job": job_id, "versions": len(written)} | ended
    if change.gpu_seconds:
        values |= {name: getattr(change, name) for name in _SPENT}
    job = connection.execute(_count(tuple(sorted(ended)), bool(change.gpu_seconds)), values).one()
    if job.has_webhooks and (ends := _ends(change)):
        write_renders_ended(connection, job_id, ends, now)
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
        move_locked_job(connection, job_id, before, after, now)
    first = job.version - len(written) + 1
    rows = [
        {"job_id": job_id, "version": first + place, "kind": kind, "at": now, "payload": _payload(renders, after)}
        for place, (kind, renders) in enumerate(written.items())
    ]
    if rows:
        connection.execute(insert(Event), rows)
    return JobChanged(job_id=job_id, project_id=job.project_id, version=job.version)


def _ends(change: JobChange) -> dict[RenderStatus, list[tuple[int, str | None]]]:
    """The renders that have ended, with reasons: an end is told under the name of its status."""
    found = {status: change.events.get(status.value) for status, count in change.ended.items() if count > 0}
    return {status: renders for status, renders in found.items() if renders}


@cache
def _count(ended: tuple[str, ...], spent: bool) -> Executable:
    """Raise the version, these counters and what was spent of one job, by primary key; made once for each kind."""
    values: dict[str, Any] = {"version": Job.version + bindparam("versions", type_=Job.version.type)}
    for status in ended:
        column = _COUNTERS[RenderStatus(status)]
        values[column.key] = column + bindparam(status, type_=column.type)
    if spent:
        values |= {name: getattr(Job, name) + bindparam(name, type_=Job.money.type) for name in _SPENT}
    return (
        update(Job)
        .where(Job.id == bindparam("of_job"))
        .values(values)
        .returning(
            Job.project_id, Job.version, Job.status, Job.renders_total,
            Job.renders_done, Job.renders_failed, Job.renders_cancelled, Job.renders_expired,
            has_webhooks().label("has_webhooks"),
        )
    )  # fmt: skip


def _payload(renders: list[tuple[int, str | None]], status: JobStatus) -> dict[str, Any]:
    payload: dict[str, Any] = {"renders": [index for index, _ in renders], "status": status.value}
    if reasons := {str(index): reason for index, reason in renders if reason}:
        payload["reasons"] = reasons
    return payload
