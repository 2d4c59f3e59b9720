"""What a job waits for before its renders may run: a time (`not_before`) and other jobs (`after`).

Such renders are `held`, outside the index that claims read, each with `eligible_at` where there is a time. The duty
`scheduler.maintenance.release_held` lets them go; a paused job keeps them until it is resumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, exists, insert, select

from farm.errors import Fault, InvalidRequest
from farm.lifecycle import JOB_ENDED, JobStatus, RenderStatus
from farm.params import JobRequest, timing_of
from farm.tables import Dependency, Job

CANCEL = "cancel"  # jobs.after_failure: the dependent is cancelled when one that it waits for fails


@dataclass(frozen=True)
class Hold:
    """What a request waits for. `after` holds ids of jobs that have not ended."""

    not_before: float | None = None  # seconds since 1970, in the future
    deadline: float | None = None
    after: tuple[str, ...] = ()
    after_failure: str | None = None

    @property
    def held(self) -> bool:
        """Whether the renders may not run yet."""
        return self.not_before is not None or bool(self.after)

    @property
    def job_columns(self) -> dict[str, Any]:
        """Columns of `jobs`."""
        return {"not_before": self.not_before, "deadline": self.deadline, "after_failure": self.after_failure}

    @property
    def render_columns(self) -> dict[str, Any]:
        """Columns of each of the job's `renders`."""
        status = RenderStatus.HELD if self.held else RenderStatus.PENDING
        return {"status": status.value, "eligible_at": self.not_before}


def initial(request: JobRequest, now: float) -> Hold:
    """What a valid request waits for; :func:`check_after` says which jobs of `after` are left."""
    timing = timing_of(request, now)
    after = tuple(job_id.lower() for job_id in request.after or ())
    return Hold(timing.not_before, timing.deadline, after, (request.after_failure or CANCEL) if after else None)


def check_after(connection: Connection, project_id: str, hold: Hold) -> Hold:
    """The same without the jobs that have ended already. In the transaction that inserts the job, before it does.

    A job that ends after this look is found by the duty. No circle can form: a job waits only for older ones.

    Raises:
        InvalidRequest: a job is not there in this project; or it has failed or is being ended, and the request would
            be cancelled with it.
    """
    if not hold.after:
        return hold
    rows = connection.execute(
        select(Job.id, Job.status, Job.ending).where(Job.id.in_(hold.after), Job.project_id == project_id)
    )
    found = {job_id: (JobStatus(status), ending) for job_id, status, ending in rows}
    faults: list[Fault] = []
    left: list[str] = []
    for place, job_id in enumerate(hold.after):
        status, ending = found.get(job_id, (None, None))
        if status is None:
            faults.append(Fault(f"/after/{place}", f"there is no job {job_id} in this project"))
        elif ending is not None and hold.after_failure == CANCEL:
            text = f'job {job_id} is being ended ({ending}); leave it out, or send "after_failure": "run"'
            faults.append(Fault(f"/after/{place}", text))
        elif status not in JOB_ENDED:
            left.append(job_id)
        elif status is not JobStatus.DONE and hold.after_failure == CANCEL:
            text = f'job {job_id} has ended as {status}; leave it out, or send "after_failure": "run"'
            faults.append(Fault(f"/after/{place}", text))
    if faults:
        raise InvalidRequest(faults)
    return replace(hold, after=tuple(left))


def insert_dependencies(connection: Connection, job_id: str, after: Sequence[str]) -> None:
    """Write down whom the job waits for; its row must be there."""
    if after:
        connection.execute(insert(Dependency), [{"job_id": job_id, "after_id": after_id} for after_id in after])


def waits(connection: Connection, job_id: str) -> bool:
    """Whether the job still waits for another one."""
    unresolved = exists().where(Dependency.job_id == job_id, Dependency.resolved_at.is_(None))
    return bool(connection.scalar(select(unresolved)))
