"""Pause a job: its pending renders are held, the running ones end. Resume lets them be pending again.

A training runs for too long to be waited for: it goes back as far as its last checkpoint, and is held.
"""

from collections.abc import Sequence

from sqlalchemy import select

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import JobStatus, Outcome, RenderStatus
from farm.tables import Render
from scheduler.control.bulk_transition import LockedRender, in_chunks, lock_renders, move
from scheduler.control.job_update import Overtaken, enter, lock_status, set_status
from scheduler.control.lookup import FoundJob, find_job, find_job_to_change
from scheduler.control.release_renders import release
from scheduler.fleet.wake_workers import notify
from scheduler.leases.settle import Settlement, settle


def pause_job(connections: Connections, job_id: str, project_id: str | None = None) -> int:
    """Hold the pending renders of a job; returns how many. Pausing it again holds what became pending since.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended.
    """
    job = _begin(connections, job_id, project_id, JobStatus.OPEN, JobStatus.PAUSED, "paused")
    held = _hold(connections, job)
    held += _give_back_training(connections, job)  # what is given back by a paused job is held
    notify(connections, lanes=[job.lane])
    return held


def resume_job(connections: Connections, job_id: str, project_id: str | None = None) -> int:
    """Let the held renders of a job be pending again; returns how many. Those held for a time stay held.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended.
    """
    job = _begin(connections, job_id, project_id, JobStatus.PAUSED, JobStatus.OPEN, "resumed")
    notify(connections, lanes=[job.lane])
    # A render with a time of its own waits for that time, a job that waits for another one waits on.
    return release(connections, job, Render.eligible_at.is_(None))


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
        job = find_job_to_change(connection, job_id, project_id)
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
    notify(connections, lanes=[job.lane], changed=[changed])
    return job


def _give_back_training(connections: Connections, job: FoundJob) -> int:
    """Take a training from its worker, which hears so with its next heartbeat; how many there were."""
    running = select(Render.id, Render.attempt).where(
        Render.job_id == job.id,
        Render.status == RenderStatus.RUNNING.value,
        Render.parameters["training"]["name"].as_string().is_not(None),
    )
    with read(connections.engine) as connection:
        found = connection.execute(running).all()
    back = [Settlement(row.id, row.attempt, Outcome.RETURNED, "Its job was paused.") for row in found]
    settled = settle(connections.engine, back, connections.clock())
    notify(connections, lanes=[job.lane], changed=settled.jobs)
    return len(settled.accepted)


def _hold(connections: Connections, job: FoundJob) -> int:
    def step(behind: int) -> Sequence[LockedRender]:
        with write(connections.engine) as connection:
            renders = lock_renders(connection, Render.job_id == job.id, status=[RenderStatus.PENDING], behind=behind)
            if not renders or lock_status(connection, job.id) is not JobStatus.PAUSED:
                return []  # somebody resumed or cancelled it meanwhile: theirs is the later word
            move(connection, renders, RenderStatus.HELD)
            indexes = [render.index for render in renders]
            changed = enter(connection, job.id, "held", indexes=indexes, now=connections.clock())
        notify(connections, lanes=[], changed=[changed])
        return renders

    return in_chunks(step)
