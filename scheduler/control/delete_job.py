"""Delete: an ended job is marked, leaves the lists, and is removed with its files when its time has come.

The removal itself is retention's (`scheduler.maintenance.old_files.remove_old_jobs`): in small transactions, files
before rows.
"""

from sqlalchemy import select, update

from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import write
from farm.errors import Conflict, NotFound
from farm.restore_period import KEPT_SECONDS
from farm.tables import Job
from scheduler.control.job_update import enter
from scheduler.fleet.wake_workers import notify


def delete_job(connections: Connections, job_id: str, project_id: str, *, keep_seconds: float = KEPT_SECONDS) -> None:
    """Have an ended job removed after `keep_seconds`; deleting it again sets the time anew.

    Raises:
        NotFound: the project has no such job.
        Conflict: the job goes on.
    """
    now = connections.clock()
    _mark(connections, job_id, project_id, delete_at=now + keep_seconds, event="deleted", now=now)


def restore_job(connections: Connections, job_id: str, project_id: str) -> None:
    """Keep a job that was deleted; one that was not stays as it is.

    Raises:
        NotFound: the project has no such job, any more.
        Conflict: its time has come: it is being removed; or it was not deleted and is being ended.
    """
    _mark(connections, job_id, project_id, delete_at=None, event="restored", now=connections.clock())


def _mark(
    connections: Connections, job_id: str, project_id: str, *, delete_at: float | None, event: str, now: float
) -> None:
    columns = (Job.status, Job.finished_at, Job.delete_at, Job.ending)
    statement = select(*columns).where(Job.id == job_id, Job.project_id == project_id)
    with write(connections.engine) as connection:
        job = connection.execute(statement.with_for_update()).one_or_none()
        if job is None:
            raise NotFound(f"There is no job {job_id} in your project.")
        if delete_at is not None and job.finished_at is None and job.ending is not None:
            raise Conflict(f"Job {job_id} is being ended ({job.ending}); delete it when that is over, in a minute.")
        if delete_at is None and job.finished_at is None and job.ending is not None:
            raise Conflict(f"Job {job_id} was not deleted: it is being ended ({job.ending}), which goes on.")
        if delete_at is not None and job.finished_at is None:
            raise Conflict(f"Job {job_id} is {job.status}; cancel it first, then delete it.")
        if job.delete_at is not None and job.delete_at <= now:
            raise Conflict(f"Job {job_id} was deleted and is being removed; its files may be gone already.")
        if delete_at is None and job.delete_at is None:
            return
        connection.execute(update(Job).where(Job.id == job_id).values(delete_at=delete_at))
        changed = enter(connection, job_id, event, indexes=[], now=now)
        action = Action.JOB_RESTORED if delete_at is None else Action.JOB_DELETED
        record(connection, action, job_id, now, project_id=project_id)
    notify(connections, lanes=[], changed=[changed])
