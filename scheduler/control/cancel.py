"""Cancel: a job, a render, or all that a filter finds ends, whatever it was doing; workers hear it between steps."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement

from farm.connections import Connections
from farm.database import read
from farm.errors import Conflict
from farm.lifecycle import CANCELLABLE, JobStatus, RenderStatus
from farm.tables import Render
from scheduler.control.end_jobs import end_job
from scheduler.control.end_renders import CANCELLED, Ended, Ending, end_renders
from scheduler.control.filters import Found, RenderFilter, count_found, find_jobs
from scheduler.control.lookup import find_job, find_render

#: Of a job in one of these a cancel is no mistake, also when nothing was left to cancel.
_CANCELLABLE_JOBS = (JobStatus.ADMITTING, JobStatus.OPEN, JobStatus.PAUSED, JobStatus.CANCELLED)


def cancel_job(connections: Connections, job_id: str, project_id: str | None = None, ending: Ending = CANCELLED) -> int:
    """Cancel what has not ended of a job; returns how many renders. A cancelled job may be cancelled again.

    Of a large job most end in the background, and none of them begins.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended in another way.
    """
    with read(connections.engine) as connection:
        job = find_job(connection, job_id, project_id)
    cancelled = end_job(connections, job.id, ending).renders
    if not cancelled and job.status not in _CANCELLABLE_JOBS:
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
    if end_renders(connections, render.job.id, CANCELLED, Render.id == render.id):
        return
    with read(connections.engine) as connection:
        status = find_render(connection, render_id, project_id).status
    if status is not RenderStatus.CANCELLED:
        raise Conflict(f"Render {render.id} has ended ({status}); it cannot be cancelled any more.")


def cancel_filtered(connections: Connections, chosen: RenderFilter, *, dry_run: bool = False) -> Found:
    """Cancel what has not ended of all that the filter finds; says how many jobs and renders that were.

    With `dry_run` they are only counted. Job by job and chunk by chunk: after a crash, call it again. What is
    submitted while it works may be found or not.

    Raises:
        InvalidRequest: the filter asks for nothing, or for a state that cannot be cancelled.
    """
    chosen.check(CANCELLABLE)
    with read(connections.engine) as connection:
        if dry_run:
            return count_found(connection, chosen)
        jobs = find_jobs(connection, chosen)
    return _cancel_each(connections, jobs, chosen.of_renders())


def _cancel_each(connections: Connections, jobs: Sequence[str], which: Sequence[ColumnElement[bool]]) -> Found:
    if which:
        each = [Ended(end_renders(connections, job_id, CANCELLED, *which), all=True) for job_id in jobs]
    else:
        each = [end_job(connections, job_id, CANCELLED) for job_id in jobs]
    return Found(
        jobs=sum(ended.renders > 0 for ended in each),
        renders=sum(ended.renders for ended in each),
        ending=sum(not ended.all for ended in each),
    )
