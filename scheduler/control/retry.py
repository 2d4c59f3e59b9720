"""Retry: a failed render gets a fresh start, by a person's wish."""

from sqlalchemy import Connection, select

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import JobStatus, RenderStatus
from farm.tables import Job, Render
from scheduler.batching.sealed_batches import initial_batch_limit
from scheduler.control.bulk_transition import lock_renders, move, wake_flows
from scheduler.control.job_update import Overtaken, enter, require_status
from scheduler.control.lookup import find_render
from scheduler.fleet.wake_workers import notify, ring, ring_targets

#: A retried render would be claimed at once: not while its job is paused.
_RETRIED_IN = frozenset(JobStatus) - {JobStatus.PAUSED}


def require_retryable(connection: Connection, job_id: str, now: float) -> None:
    """Lock the job whose renders are about to be retried.

    Raises:
        Overtaken: it is paused.
        Conflict: it is being ended, or it was deleted and its time has come: files of it may be gone.
    """
    require_status(connection, job_id, *_RETRIED_IN)
    delete_at, ending = connection.execute(select(Job.delete_at, Job.ending).where(Job.id == job_id)).one()
    if ending is not None:
        raise Conflict(f"Job {job_id} is being ended ({ending}); retry its renders when that is over, in a minute.")
    if delete_at is not None and delete_at <= now:
        raise Conflict(f"Job {job_id} was deleted and is being removed; submit it again.")


def retry_render(connections: Connections, render_id: str, project_id: str | None = None) -> None:
    """Let a failed render be pending again, with no failures; its job is open again.

    Jobs that waited for it and know already how it ended are not called back: what was cancelled stays so, what was
    let go goes on. Those that have not heard yet wait for the new end.

    Raises:
        NotFound: the project (None: an operator) sees no such render.
        Conflict: the render has not failed, or its job is paused, being ended or being removed.
    """
    now = connections.clock()
    with read(connections.engine) as connection:
        found = find_render(connection, render_id, project_id)
    try:
        with write(connections.engine) as connection:
            renders = lock_renders(connection, Render.id == found.id, status=[RenderStatus.FAILED])
            if not renders:
                raise Conflict(f"Render {found.id} is {found.status}; only a failed render can be retried.")
            parameters = connection.execute(select(Render.parameters).where(Render.id == found.id)).scalar_one()
            move(
                connection,
                renders,
                RenderStatus.PENDING,
                failures=0,
                batch_limit=initial_batch_limit(parameters),
                reason=None,
                finished_at=None,
            )
            require_retryable(connection, found.job.id, now)
            indexes = [render.index for render in renders]
            changed = enter(connection, found.job.id, "retried", indexes=indexes, now=now, back=RenderStatus.FAILED)
            wake_flows(connection, renders)
            alive_since = now - connections.settings.worker_gone_seconds
            targets = ring_targets(connection, found.job.lane, alive_since)
    except Overtaken as paused:
        raise Conflict(f"Job {found.job.id} is paused; resume it, then retry the render.") from paused
    notify(connections, lanes=[found.job.lane], changed=[changed])
    ring(connections, targets, 1)
