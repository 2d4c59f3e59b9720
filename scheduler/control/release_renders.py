"""Release: held renders become pending when nothing holds them any more, be it a person, a time or another job."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, update

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import JobStatus, RenderStatus
from farm.tables import Dependency, Render
from scheduler.admission.dependencies import waits
from scheduler.control.bulk_transition import LockedRender, in_chunks, lock_renders, move, wake_flows
from scheduler.control.job_update import enter, lock_status
from scheduler.control.lookup import FoundJob
from scheduler.fleet.wake_workers import notify, ring, ring_targets

#: Jobs whose renders may become pending.
_GOING_ON = (JobStatus.OPEN, JobStatus.ADMITTING)


def release(connections: Connections, job: FoundJob, *which: ColumnElement[bool]) -> int:
    """Let the held renders of a job be pending, in chunks; returns how many. For jobs that wait for nothing.

    Each chunk looks at the job again, and stops when it is paused meanwhile.
    """

    def step(behind: int) -> Sequence[LockedRender]:
        with write(connections.engine) as connection:
            renders = lock_renders(
                connection, Render.job_id == job.id, *which, status=[RenderStatus.HELD], behind=behind
            )
            if not renders or lock_status(connection, job.id) not in _GOING_ON or waits(connection, job.id):
                return []
            move(connection, renders, RenderStatus.PENDING, eligible_at=None)
            indexes = [render.index for render in renders]
            changed = enter(connection, job.id, "released", indexes=indexes, now=connections.clock())
            wake_flows(connection, renders)
        notify(connections, lanes=[job.lane], changed=[changed])
        return renders

    released = in_chunks(step)
    ring_for(connections, job.lane, released)
    return released


def release_due(connections: Connections, job: FoundJob, now: float) -> int:
    """The renders of a job whose time (`eligible_at`) has come by `now` wait for it no longer; returns how many.

    They become pending, unless their job is paused or waits for another one: then only the time is taken from
    them, so that nobody looks at them again, and they are released with the rest of the job.
    """
    due = Render.eligible_at <= now
    released = release(connections, job, due)

    def step(behind: int) -> Sequence[LockedRender]:
        with write(connections.engine) as connection:
            renders = lock_renders(connection, Render.job_id == job.id, due, status=[RenderStatus.HELD], behind=behind)
            # Locked after the renders, as everywhere: whoever resumes the job sees what is written here, or waits.
            status = lock_status(connection, job.id)
            if not renders or (status in _GOING_ON and not waits(connection, job.id)):
                return []  # resumed since: the next pass releases them
            ids = [render.id for render in renders]
            connection.execute(update(Render).where(Render.id.in_(ids)).values(eligible_at=None))
        return renders

    return released + in_chunks(step)


def release_after(connections: Connections, job: FoundJob, now: float) -> int:
    """All that the job waited for has ended: release what no time holds, then note it; returns how many renders.

    The note is made last, in a transaction that finds nothing to release or the job paused: after a crash in the middle
    it is done again. A job that is resumed before the note is released here, one that is resumed after it by its
    resume.
    """
    free = Render.eligible_at.is_(None) | (Render.eligible_at <= now)

    def step(behind: int) -> Sequence[LockedRender]:
        with write(connections.engine) as connection:
            renders = lock_renders(connection, Render.job_id == job.id, free, status=[RenderStatus.HELD], behind=behind)
            goes_on = lock_status(connection, job.id) in _GOING_ON
            if not goes_on or (not renders and behind == -1):
                _resolve_all(connection, job.id, now)
                return []
            if not renders:
                return []
            move(connection, renders, RenderStatus.PENDING, eligible_at=None)
            indexes = [render.index for render in renders]
            changed = enter(connection, job.id, "released", indexes=indexes, now=now)
            wake_flows(connection, renders)
        notify(connections, lanes=[job.lane], changed=[changed])
        return renders

    released = 0
    while count := in_chunks(step):  # the last round finds nothing, and makes the note
        released += count
    ring_for(connections, job.lane, released)
    return released


def _resolve_all(connection: Connection, job_id: str, now: float) -> None:
    connection.execute(
        update(Dependency).where(Dependency.job_id == job_id, Dependency.resolved_at.is_(None)).values(resolved_at=now)
    )


def ring_for(connections: Connections, lane: str, renders: int) -> None:
    """Invite the workers of a lane to renders that have become pending."""
    if not renders:
        return
    alive_since = connections.clock() - connections.settings.worker_gone_seconds
    with read(connections.engine) as connection:
        targets = ring_targets(connection, lane, alive_since)
    notify(connections, lanes=[lane])
    ring(connections, targets, renders)


def wake_workers(connections: Connections, lane: str) -> None:
    """Invite every worker of a lane: it is not counted how much may run now."""
    alive_since = connections.clock() - connections.settings.worker_gone_seconds
    with read(connections.engine) as connection:
        targets = ring_targets(connection, lane, alive_since)
    notify(connections, lanes=[lane])
    ring(connections, targets, sum(target.workers * target.max_batch for target in targets) or 1)
