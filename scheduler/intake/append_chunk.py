"""One chunk of a stream: renders, position, counters and event in one transaction, fenced on the position."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, case, insert, null, select, update

from farm.catalog import ModelEntry
from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import JobStatus, RenderStatus
from farm.params import RenderParameters
from farm.progress import JobChanged
from farm.stream_errors import StreamEnded
from farm.tables import Event, Intake, Job
from scheduler.accounting import quotas
from scheduler.admission.bulk_insert import insert_renders
from scheduler.admission.dependencies import waits
from scheduler.admission.render_rows import FEW_ROWS, render_rows, shortened
from scheduler.estimates.estimator import Estimator
from scheduler.fair_share.flows import wake_flow
from scheduler.fleet.wake_workers import RingTarget, notify, ring, ring_targets
from scheduler.intake.open_stream import Position, read_position
from scheduler.leases.job_status import admitting_again
from scheduler.uploads import mark_used

#: Of a job to which more may be added.
_GOES_ON = frozenset(JobStatus) - {JobStatus.CANCELLED, JobStatus.EXPIRED}


def add_chunk(
    connections: Connections,
    before: Position,
    after: Position,
    entry: ModelEntry,
    renders: Sequence[RenderParameters],
    estimator: Estimator,
    targets: Sequence[RingTarget],
) -> Position:
    """Admit renders and move the stream from `before` to `after`; both or neither. Returns `after` as it is kept.

    Locks the project (if it has quotas), the stream, the job, then the flow. Renders are only inserted.

    Raises:
        Conflict: another request has moved this stream meanwhile.
        StreamEnded: its job was ended meanwhile.
        QuotaExceeded, BudgetSpent: the project has as much as it may; the stream can be gone on with later.
    """
    now = connections.clock()
    job: dict[str, Any] = {"id": before.job_id, "project_id": before.project_id, "created_at": now}
    make = partial(render_rows, job, entry, renders, estimator, first_index=before.renders)
    rows = make() if len(renders) <= FEW_ROWS else connections.cpu_work(make)
    estimate = sum(row["estimate"] for row in rows)
    after = replace(after, renders=before.renders + len(rows), updated_at=now, error=None)
    with write(connections.engine) as connection:
        if rows:
            mark_used(connection, renders, now)
            quotas.check_admission(
                connection, before.project_id, renders=len(rows), gpu_seconds=estimate, now=now, lane=entry.lane
            )
        _move(connection, before, after)
        version, awake = 0, False
        if rows:
            title = shortened(renders[0].prompt)
            version, awake = _count(connection, before, len(rows), estimate, title, now, rows)
    changed = [JobChanged(job_id=before.job_id, project_id=before.project_id, version=version)] if rows else []
    notify(connections, lanes=[entry.lane] if awake else [], changed=changed)
    if awake:
        ring(connections, targets, len(rows))
    return after


def targets_of_lane(connections: Connections, lane: str) -> list[RingTarget]:
    """Whom to ring for the chunks of this lane."""
    alive_since = connections.clock() - connections.settings.worker_gone_seconds
    with read(connections.engine) as connection:
        return ring_targets(connection, lane, alive_since)


def _move(connection: Connection, before: Position, after: Position) -> None:
    """Compare and set: whoever was quicker has won, and these rows are in SQL already."""
    moved = connection.execute(
        update(Intake)
        .where(Intake.job_id == before.job_id, Intake.bytes == before.bytes, Intake.sealed_at.is_(None))
        .values(
            header=after.header,
            rows=after.rows,
            renders=after.renders,
            bytes=after.bytes,
            updated_at=after.updated_at,
            error=null(),
        )
    )
    if moved.rowcount != 1:
        found = read_position(connection, before.job_id)
        if found is not None:
            found.check_goes_on()
        raise Conflict(
            f"Another request is sending the stream of job {before.job_id}, or has ended it; "
            "read its position (GET …/intake) and go on there."
        )


def _count(
    connection: Connection,
    before: Position,
    renders: int,
    estimate: float,
    title: str,
    now: float,
    rows: list[dict[str, Any]],
) -> tuple[int, bool]:
    """Job, event, renders, flow; returns the job's version, and whether the renders may run at once."""
    job = connection.execute(
        update(Job)
        .where(Job.id == before.job_id, Job.status.in_(sorted(_GOES_ON)), Job.ending.is_(None))
        .values(
            # Renders may have come to their end, and with them the job, if somebody resumed it: it goes on.
            **admitting_again(_GOES_ON),
            finished_at=None,
            version=Job.version + 1,
            renders_total=Job.renders_total + renders,
            estimate=Job.estimate + estimate,
            title=case((Job.title == "", title), else_=Job.title),
        )
        .returning(Job.version, Job.status, Job.flow_id, Job.not_before)
    ).one_or_none()
    if job is None:
        status = connection.scalar(select(Job.status).where(Job.id == before.job_id))
        raise StreamEnded(f"Job {before.job_id} is {status}, or is being ended; nothing more is added to it.")
    payload = {"first": before.renders, "renders": renders, "rows": before.rows}
    connection.execute(
        insert(Event),
        {"job_id": before.job_id, "version": job.version, "kind": "admitted", "at": now, "payload": payload},
    )
    not_before = job.not_before if job.not_before is not None and job.not_before > now else None
    held = job.status == JobStatus.PAUSED or not_before is not None or waits(connection, before.job_id)
    status = RenderStatus.HELD if held else RenderStatus.PENDING
    for row in rows:
        row.update(flow_id=job.flow_id, status=status.value, eligible_at=not_before)
    insert_renders(connection, rows)
    if not held:
        wake_flow(connection, job.flow_id)
    return job.version, not held
