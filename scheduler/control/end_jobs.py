"""End what is left of a job, however large it is: the answer comes within a second, and nothing of it begins later.

What does not end by then ends in the background: the job is marked (`jobs.ending`), claims pass over its renders, and
the duty `end_marked_jobs` ends them chunk by chunk.
"""

from sqlalchemy import literal_column, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import JobStatus, RenderStatus
from farm.tables import Job, Render
from scheduler.control.end_renders import Ended, Ending, end_renders, end_renders_until
from scheduler.intake.seal_stream import stop

#: For what ends before the answer: some 10,000 renders.
ANSWER_SECONDS = 0.4
_LEFT = Job.renders_total - Job.renders_done - Job.renders_failed - Job.renders_cancelled - Job.renders_expired


def end_job(connections: Connections, job_id: str, ending: Ending) -> Ended:
    """End the renders of a job that have not ended; says how many, and whether all of them have by now.

    A stream of it takes no more rows. If they could not all be ended in time the job is marked: of the others none is
    running, and no claim that begins after the answer takes one.
    """
    ends_as = JobStatus(ending.status.value)
    marked = stop(connections, job_id, ending.reason, ends_as=ends_as, now=connections.clock())
    ended = end_renders_until(connections, connections.steady() + ANSWER_SECONDS, job_id, ending)
    if ended.all:
        if marked:
            _unmark(connections, job_id)
        return ended
    with write(connections.engine) as connection:
        left = connection.scalar(
            update(Job)
            .where(Job.id == job_id, Job.finished_at.is_(None))
            .values(ending=ending.status.value, ending_reason=ending.reason)
            .returning(_LEFT)
        )
    _end_running(connections, job_id, ending)
    return Ended(ended.renders + (left or 0), all=False)


def end_marked_job(connections: Connections, job_id: str, until: float) -> int:
    """End renders of a marked job until that moment of the steady clock; when none is left the mark goes. How many.

    First those that run: on PostgreSQL a claim that had begun before the mark may have ended after it.
    """
    with read(connections.engine) as connection:
        row = connection.execute(select(Job.ending, Job.ending_reason).where(Job.id == job_id)).one_or_none()
    if row is None or row.ending is None:
        return 0
    ending = Ending(RenderStatus(row.ending), row.ending_reason)
    running = _end_running(connections, job_id, ending)
    ended = end_renders_until(connections, until, job_id, ending)
    if ended.all:
        _unmark(connections, job_id)
    return running + ended.renders


def _unmark(connections: Connections, job_id: str) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(ending=None, ending_reason=None))


def _end_running(connections: Connections, job_id: str, ending: Ending) -> int:
    """By the project's running renders, of which an index has no others, and between the first and the last of the
    job's, which lie close together: the job may have a million.
    """
    of_project = select(Render.index, Render.job_id).where(
        Render.project_id == select(Job.project_id).where(Job.id == job_id).scalar_subquery(),
        Render.status == literal_column("'running'"),
    )
    with read(connections.engine) as connection:
        running = [place for place, job in connection.execute(of_project) if job == job_id]
    if not running:
        return 0
    places = Render.index.between(min(running), max(running))
    return end_renders(connections, job_id, ending, places, Render.index.in_(running))
