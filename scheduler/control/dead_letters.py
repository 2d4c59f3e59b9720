"""The dead-letter list: renders that failed for good, until somebody looks at them and lets them be tried anew."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, literal_column, select

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import RenderStatus
from farm.tables import Job, Render
from scheduler.batching.sealed_batches import initial_batch_limit_of_row
from scheduler.control.bulk_transition import LockedRender, in_chunks, lock_renders, move, wake_flows
from scheduler.control.job_update import Overtaken, enter
from scheduler.control.lookup import find_job
from scheduler.control.release_renders import ring_for
from scheduler.control.retry import require_retryable
from scheduler.fleet.wake_workers import notify


@dataclass(frozen=True)
class LetterFilter:
    """Which failed renders are meant: all that is given must hold; what is None or empty holds for all.

    Those of deleted jobs are meant only where the job or the render is named.
    """

    project_id: str | None = None  # None: an operator, who means every project
    render_ids: tuple[str, ...] = ()
    job_id: str | None = None
    model: str | None = None
    reason: str | None = None  # words in the reason, in capitals or not

    def conditions(self) -> list[ColumnElement[bool]]:
        """On renders, with Job joined; the first makes ix_renders_failed be read."""
        conditions: list[ColumnElement[bool]] = [Render.status == literal_column("'failed'")]
        if self.project_id is not None:
            conditions.append(Render.project_id == self.project_id)
        if self.render_ids:
            conditions.append(Render.id.in_(self.render_ids))
        if self.job_id is not None:
            conditions.append(Render.job_id == self.job_id)
        if self.job_id is None and not self.render_ids:
            conditions.append(Job.delete_at.is_(None))
        if self.model is not None:
            conditions.append(Job.model == self.model)
        if self.reason:
            conditions.append(Render.reason.icontains(self.reason, autoescape=True))
        return conditions


@dataclass(frozen=True)
class Retried:
    """How many renders of how many jobs are pending again, and the ids of paused jobs, whose renders are not."""

    renders: int
    jobs: int
    paused: tuple[str, ...] = ()


def retry_letters(connections: Connections, chosen: LetterFilter) -> Retried:
    """Let all failed renders that are meant be tried anew, with no failures; job by job, in chunks.

    After a crash in the middle the next call does the rest.
    """
    with read(connections.engine) as connection:
        job_ids = connection.scalars(_jobs(chosen)).all()
    renders, jobs = 0, 0
    paused: list[str] = []
    for job_id in job_ids:
        try:
            count = _retry_in_job(connections, job_id, chosen)
        except Overtaken:
            paused.append(job_id)
            continue
        except Conflict:  # it is being ended or removed
            continue
        renders += count
        jobs += bool(count)
    return Retried(renders, jobs, tuple(paused))


def _jobs(chosen: LetterFilter) -> Select[str]:
    ids = select(Render.job_id).join(Job, Job.id == Render.job_id).where(*chosen.conditions())
    return select(Job.id).where(Job.id.in_(ids)).order_by(Job.id)


def _retry_in_job(connections: Connections, job_id: str, chosen: LetterFilter) -> int:
    """Those of one job; returns how many. Raises as `require_retryable` does."""
    with read(connections.engine) as connection:
        job = find_job(connection, job_id, None)
    meant = select(Render.id).join(Job, Job.id == Render.job_id).where(Render.job_id == job_id, *chosen.conditions())
    batch_limit = initial_batch_limit_of_row()

    def step(behind: int) -> Sequence[LockedRender]:
        with write(connections.engine) as connection:
            renders = lock_renders(
                connection, Render.job_id == job_id, Render.id.in_(meant), status=[RenderStatus.FAILED], behind=behind
            )
            if not renders:
                return []
            move(
                connection,
                renders,
                RenderStatus.PENDING,
                failures=0,
                batch_limit=batch_limit,
                reason=None,
                finished_at=None,
            )
            now = connections.clock()
            require_retryable(connection, job_id, now)
            indexes = [render.index for render in renders]
            changed = enter(connection, job_id, "retried", indexes=indexes, now=now, back=RenderStatus.FAILED)
            wake_flows(connection, renders)
        notify(connections, lanes=[job.lane], changed=[changed])
        return renders

    retried = in_chunks(step)
    ring_for(connections, job.lane, retried)
    return retried
