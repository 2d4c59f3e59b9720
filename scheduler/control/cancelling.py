"""Cancel: a job or a render ends, whatever it was doing; its worker hears it between two steps."""

from sqlalchemy import ColumnElement

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import TRANSITIONS, JobStatus, Outcome, RenderStatus
from farm.tables import Render
from scheduler.control.books import enter
from scheduler.control.finding import FoundJob, find_job, find_render
from scheduler.control.moving import end_attempts, lock_renders, move
from scheduler.doorbell import tell

CANCELLABLE = frozenset(state for state, targets in TRANSITIONS.items() if RenderStatus.CANCELLED in targets)
REASON = "cancelled"


def cancel_job(connections: Connections, job_id: str, project_id: str | None = None) -> int:
    """Cancel what has not ended of a job; returns how many renders. A cancelled job may be cancelled again.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended in another way.
    """
    with read(connections.engine) as connection:
        job = find_job(connection, job_id, project_id)
    cancelled = 0
    while chunk := _cancel_chunk(connections, job, Render.job_id == job.id):
        cancelled += chunk
    if not cancelled and job.status not in (JobStatus.OPEN, JobStatus.PAUSED, JobStatus.CANCELLED):
        raise Conflict(f"Job {job.id} has ended ({job.status}); nothing of it is left to cancel.")
    return cancelled


def cancel_render(connections: Connections, render_id: str, project_id: str | None = None) -> None:
    """Cancel one render. A cancelled render may be cancelled again.

    Raises:
        NotFound: the project (None: an operator) sees no such render.
        Conflict: it has ended in another way.
    """
    with read(connections.engine) as connection:
        render = find_render(connection, render_id, project_id)
    if _cancel_chunk(connections, render.job, Render.id == render.id):
        return
    with read(connections.engine) as connection:
        status = find_render(connection, render_id, project_id).status
    if status is not RenderStatus.CANCELLED:
        raise Conflict(f"Render {render.id} has ended ({status}); it cannot be cancelled any more.")


def _cancel_chunk(connections: Connections, job: FoundJob, which: ColumnElement[bool]) -> int:
    now = connections.clock()
    with write(connections.engine) as connection:
        renders = lock_renders(connection, which, status=CANCELLABLE)
        if not renders:
            return 0
        move(connection, renders, RenderStatus.CANCELLED, finished_at=now, reason=REASON)
        end_attempts(connection, renders, Outcome.CANCELLED, REASON, now)
        indexes = [render.index for render in renders]
        changed = enter(connection, job.id, "cancelled", indexes=indexes, now=now, ended=RenderStatus.CANCELLED)
    tell(connections, lanes=[job.lane], changed=[changed])
    return len(renders)
