"""Put a job before others of its flow. Between projects nothing changes: a flow's turn is not its order.

Inside a flow, renders go by rank and then by age. Ranks are kept by the job, and its renders follow in chunks, so that
after a crash it is enough to ask for the same again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, Fault, InvalidRequest
from farm.lifecycle import JOB_ENDED
from farm.tables import Job, Render
from scheduler.control.bulk_transition import QUEUED, LockedRender, in_chunks, lock_renders
from scheduler.control.job_update import enter, lock_status
from scheduler.control.lookup import FoundJob, find_job, find_job_to_change
from scheduler.fleet.wake_workers import notify


class Place(StrEnum):
    """Where in its flow a job may be put."""

    FRONT = "front"
    BACK = "back"


@dataclass(frozen=True)
class Ranked:
    """A job of a flow, as far as its order goes."""

    id: str
    rank: int
    waiting: int  # renders that would have to be written if its rank changed


def reorder_job(
    connections: Connections,
    job_id: str,
    project_id: str | None = None,
    *,
    place: Place | None = None,
    before: str | None = None,
) -> int:
    """Put a job to the front or the back of its flow, or right before another one; returns how many renders changed.

    The back is behind all of the flow, also behind what is submitted later, until it is put elsewhere.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: one of the jobs has ended, or they do not wait in the same flow.
        InvalidRequest: not exactly one of `place` and `before` is given.
    """
    if (place is None) == (before is None):
        raise InvalidRequest([Fault("", "give one of 'place' (front or back) and 'before' (a job)")])
    with read(connections.engine) as connection:
        job = find_job_to_change(connection, job_id, project_id)
        other = None if before is None else find_job(connection, before, project_id)
    if other is not None and (other.flow_id != job.flow_id or other.id == job.id):
        raise Conflict(f"Job {other.id} does not wait in line with job {job.id}: another model or another class.")
    changed = _rank_jobs(connections, job, place, other)
    moved = sum(_rank_renders(connections, one, job.lane) for one in changed)
    notify(connections, lanes=[job.lane])
    return moved


def new_ranks(order: Sequence[Ranked], job_id: str, place: Place | None, before: str | None) -> dict[str, int]:
    """The ranks that must change, by job; `order` is the flow's jobs by (rank, id), `job_id` among them or not.

    Before another job: what stands in front of it goes to lower ranks, or what stands behind to higher ones, whichever
    writes fewer renders; nothing at all where there is a gap.
    """
    others = [job for job in order if job.id != job_id]
    if not others:
        return {}
    if place is Place.FRONT:
        return {job_id: others[0].rank - 1}
    if place is Place.BACK:
        return {job_id: others[-1].rank + 1}
    at = next(number for number, job in enumerate(others) if job.id == before)
    front, back = others[:at], others[at:]
    if not front:
        return {job_id: back[0].rank - 1}
    gap = back[0].rank - front[-1].rank
    if gap >= 2:
        return {job_id: back[0].rank - 1}
    shift = 2 - gap  # so that one rank is free between the two
    if sum(job.waiting for job in front) <= sum(job.waiting for job in back):
        return {job.id: job.rank - shift for job in front} | {job_id: back[0].rank - 1}
    return {job.id: job.rank + shift for job in back} | {job_id: front[-1].rank + 1}


def _rank_jobs(connections: Connections, job: FoundJob, place: Place | None, other: FoundJob | None) -> list[str]:
    """Write the new ranks of jobs; returns whose renders must follow. All jobs of the flow are locked meanwhile."""
    with write(connections.engine) as connection:
        order = _flow_order(connection, job)
        known = {ranked.id for ranked in order}
        for one in (job, other):
            if one is not None and one.id not in known:
                status = lock_status(connection, one.id)
                why = "has ended" if status in JOB_ENDED else "waits in another line since"
                raise Conflict(f"Job {one.id} {why} ({status}).")
        ranks = new_ranks(order, job.id, place, other.id if other else None)
        for job_id, rank in sorted(ranks.items()):
            connection.execute(update(Job).where(Job.id == job_id).values(rank=rank))
        changed = enter(connection, job.id, "reordered", indexes=[], now=connections.clock())
    notify(connections, lanes=[], changed=[changed])
    return sorted({*ranks, job.id})


def _flow_order(connection: Connection, job: FoundJob) -> list[Ranked]:
    """The unfinished jobs of the flow by (rank, id), locked in the order of their ids; reads ix_jobs_unfinished."""
    ended = Job.renders_done + Job.renders_failed + Job.renders_cancelled + Job.renders_expired
    rows = connection.execute(
        select(Job.id, Job.rank, (Job.renders_total - ended).label("waiting"))
        .where(Job.lane == job.lane, Job.finished_at.is_(None), Job.flow_id == job.flow_id)
        .order_by(Job.id)
        .with_for_update()
    )
    return sorted((Ranked(*row) for row in rows), key=lambda ranked: (ranked.rank, ranked.id))


def _rank_renders(connections: Connections, job_id: str, lane: str) -> int:
    """Let the renders of a job that wait have its rank."""
    of_job = select(Job.rank).where(Job.id == job_id).scalar_subquery()
    differs: ColumnElement[bool] = Render.rank != of_job

    def step(behind: int) -> Sequence[LockedRender]:
        with write(connections.engine) as connection:
            renders = lock_renders(connection, Render.job_id == job_id, differs, status=QUEUED, behind=behind)
            ids = [render.id for render in renders]
            connection.execute(update(Render).where(Render.id.in_(ids)).values(rank=of_job))
        return renders

    return in_chunks(step)
