"""Duty: held renders run when their time has come and when the jobs that they wait for have ended.

Both are found by small indexes: ix_renders_eligible holds only what waits for a time, ix_dependencies_after_id only
what waits for another job. A job goes over to `pending` in chunks; whatever happens in the middle, the next pass does
the rest.
"""

from collections.abc import Iterable, Sequence

import structlog
from sqlalchemy import ColumnElement, Connection, Row, bindparam, literal_column, select, update
from sqlalchemy.orm import aliased

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import JOB_ENDED, JobStatus, RenderStatus
from farm.tables import Dependency, Job, Render
from scheduler.admission.dependencies import CANCEL
from scheduler.control.cancel import cancel_job
from scheduler.control.end_renders import Ending
from scheduler.control.lookup import find_job
from scheduler.control.release_renders import release_after, release_due

log = structlog.get_logger(__name__)

_Awaited = aliased(Job)
_HELD: ColumnElement[str] = literal_column(f"'{RenderStatus.HELD}'")
#: One job with a render whose time has come; reads the beginning of ix_renders_eligible.
_DUE = (
    select(Render.job_id)
    .where(Render.status == _HELD, Render.eligible_at.is_not(None), Render.eligible_at <= bindparam("now"))
    .order_by(Render.eligible_at)
    .limit(literal_column("1"))
)
#: Jobs that do not know yet that one they wait for has ended.
_TO_BE_APPLIED = (
    select(Dependency.job_id)
    .join(Job, Job.id == Dependency.after_id)
    .where(Dependency.resolved_at.is_(None), Job.finished_at.is_not(None))
    .distinct()
)


def one_pass(connections: Connections, now: float) -> int:
    """Promote all that may run now; returns how many renders changed."""
    return _by_time(connections, now) + _by_jobs(connections, now)


def _by_time(connections: Connections, now: float) -> int:
    promoted = 0
    while True:
        with read(connections.engine) as connection:
            job_id = connection.scalar(_DUE, {"now": now})
            if job_id is None:
                return promoted
            job = find_job(connection, job_id, None)
        released = release_due(connections, job, now)
        if not released:  # somebody else is at it
            return promoted
        promoted += released


def _by_jobs(connections: Connections, now: float) -> int:
    with read(connections.engine) as connection:
        job_ids = connection.scalars(_TO_BE_APPLIED).all()
    return sum(_apply_ends(connections, job_id, now) for job_id in sorted(job_ids))


def _apply_ends(connections: Connections, job_id: str, now: float) -> int:
    """What follows for a job from how those ended that it waits for; returns how many renders changed."""
    with read(connections.engine) as connection:
        job = find_job(connection, job_id, None)
        after_failure = connection.scalar(select(Job.after_failure).where(Job.id == job_id))
        awaited = _awaited(connection, job_id)
    ended = [(row.id, JobStatus(row.status)) for row in awaited if row.status in JOB_ENDED]
    failed = [(id, status) for id, status in ended if status is not JobStatus.DONE]
    if job.status in JOB_ENDED:
        _resolve(connections, job_id, (row.id for row in awaited), now)
        return 0
    if failed and after_failure in (CANCEL, None):
        cancelled = _cancel(connections, job_id, *failed[0])
        _resolve(connections, job_id, (row.id for row in awaited), now)
        return cancelled
    if len(ended) == len(awaited):
        return release_after(connections, job, now)
    _resolve(connections, job_id, (id for id, _ in ended), now)
    return 0


def _awaited(connection: Connection, job_id: str) -> Sequence[Row[str, str]]:
    """The jobs that this one waits for and that it does not know to have ended."""
    return connection.execute(
        select(_Awaited.id, _Awaited.status)
        .join(Dependency, Dependency.after_id == _Awaited.id)
        .where(Dependency.job_id == job_id, Dependency.resolved_at.is_(None))
        .order_by(_Awaited.id)
    ).all()


def _cancel(connections: Connections, job_id: str, failed_id: str, status: JobStatus) -> int:
    reason = f"Job {failed_id}, which it waited for, has ended as {status}."
    try:
        return cancel_job(connections, job_id, None, Ending(RenderStatus.CANCELLED, reason))
    except Conflict:  # it has ended meanwhile in another way
        return 0


def _resolve(connections: Connections, job_id: str, after: Iterable[str], now: float) -> None:
    ids = list(after)
    with write(connections.engine) as connection:
        connection.execute(
            update(Dependency)
            .where(Dependency.job_id == job_id, Dependency.after_id.in_(ids), Dependency.resolved_at.is_(None))
            .values(resolved_at=now)
        )
