"""Pause a job: its pending renders are held, the running ones end. Resume lets them be pending again."""

from collections.abc import Callable

from sqlalchemy import ColumnElement

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import JobStatus, RenderStatus
from farm.tables import Render
from scheduler.control.books import Overtaken, enter, require_status, set_status
from scheduler.control.finding import FoundJob, find_job
from scheduler.control.moving import lock_renders, move
from scheduler.doorbell import ring, tell
from scheduler.lanes import doorbells, wake_flow


def pause_job(connections: Connections, job_id: str, project_id: str | None = None) -> int:
    """Hold the pending renders of a job; returns how many. Pausing it again holds what became pending since.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended.
    """
    job = _begin(connections, job_id, project_id, JobStatus.OPEN, JobStatus.PAUSED, "paused")
    held = _in_chunks(lambda: _hold_chunk(connections, job))
    tell(connections, lanes=[job.lane])
    return held


def resume_job(connections: Connections, job_id: str, project_id: str | None = None) -> int:
    """Let the held renders of a job be pending again; returns how many. Those held for a time stay held.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended.
    """
    job = _begin(connections, job_id, project_id, JobStatus.PAUSED, JobStatus.OPEN, "resumed")
    released = _in_chunks(lambda: _release_chunk(connections, job))
    alive_since = connections.clock() - connections.settings.worker_gone_seconds
    with read(connections.engine) as connection:
        bells = doorbells(connection, job.lane, alive_since)
    tell(connections, lanes=[job.lane])
    ring(connections, bells, released)
    return released


def _begin(
    connections: Connections,
    job_id: str,
    project_id: str | None,
    before: JobStatus,
    after: JobStatus,
    event: str,
) -> FoundJob:
    """Set the job's status first: each chunk looks whether it is still so, and stops when it is not."""
    with read(connections.engine) as connection:
        job = find_job(connection, job_id, project_id)
    if job.status is after:
        return job
    try:
        with write(connections.engine) as connection:
            changed = set_status(connection, job.id, [before], after, event=event, now=connections.clock())
    except Overtaken as overtaken:
        with read(connections.engine) as connection:
            status = find_job(connection, job_id, project_id).status
        if status is after:  # somebody else did the same a moment ago
            return job
        raise Conflict(f"Job {job.id} is {status}; it cannot be {event}.") from overtaken
    tell(connections, lanes=[job.lane], changed=[changed])
    return job


def _in_chunks(chunk: Callable[[], int]) -> int:
    moved = 0
    try:
        while count := chunk():
            moved += count
    except Overtaken:
        pass  # somebody resumed, paused or cancelled it meanwhile: theirs is the later word
    return moved


def _hold_chunk(connections: Connections, job: FoundJob) -> int:
    return _move_chunk(connections, job, RenderStatus.PENDING, RenderStatus.HELD, JobStatus.PAUSED)


def _release_chunk(connections: Connections, job: FoundJob) -> int:
    # A render with a time of its own waits for that time.
    free = Render.eligible_at.is_(None)
    return _move_chunk(connections, job, RenderStatus.HELD, RenderStatus.PENDING, JobStatus.OPEN, free)


def _move_chunk(
    connections: Connections,
    job: FoundJob,
    before: RenderStatus,
    after: RenderStatus,
    while_job_is: JobStatus,
    *which: ColumnElement[bool],
) -> int:
    with write(connections.engine) as connection:
        renders = lock_renders(connection, Render.job_id == job.id, *which, status=[before])
        if not renders:
            return 0
        move(connection, renders, after)
        require_status(connection, job.id, while_job_is)
        event = "released" if after is RenderStatus.PENDING else "held"
        indexes = [render.index for render in renders]
        changed = enter(connection, job.id, event, indexes=indexes, now=connections.clock())
        if after is RenderStatus.PENDING:
            wake_flow(connection, job.flow_id)
    tell(connections, lanes=[], changed=[changed])
    return len(renders)
