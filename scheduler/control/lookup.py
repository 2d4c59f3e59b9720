"""Find what is to be controlled, for those who may: what belongs to another project is not there at all."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from farm.errors import Conflict, NotFound
from farm.lifecycle import JobStatus, RenderStatus
from farm.tables import Job, Render


@dataclass(frozen=True)
class FoundJob:
    """A job as it was a moment ago; it is not locked."""

    id: str
    project_id: str
    lane: str
    flow_id: str
    status: JobStatus
    ending: str | None = None


@dataclass(frozen=True)
class FoundRender:
    """A render as it was a moment ago, with its job; it is not locked."""

    id: str
    status: RenderStatus
    job: FoundJob


def find_job(connection: Connection, job_id: str, project_id: str | None) -> FoundJob:
    """The job of this id; `project_id` None may see every project. Raises NotFound."""
    row = None
    if _is_id(job_id):
        statement = select(Job.id, Job.project_id, Job.lane, Job.flow_id, Job.status, Job.ending)
        row = connection.execute(statement.where(Job.id == job_id, *_of(project_id, Job.project_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {job_id[:40]!r} that you may see.")
    return FoundJob(row.id, row.project_id, row.lane, row.flow_id, JobStatus(row.status), row.ending)


def find_job_to_change(connection: Connection, job_id: str, project_id: str | None) -> FoundJob:
    """The same, of a job that goes on. Raises NotFound, and Conflict while it is being ended in the background."""
    job = find_job(connection, job_id, project_id)
    if job.ending is not None:
        raise Conflict(f"Job {job.id} is being ended ({job.ending}); nothing of it can be changed any more.")
    return job


def find_render(connection: Connection, render_id: str, project_id: str | None) -> FoundRender:
    """The render of this id; `project_id` None may see every project. Raises NotFound."""
    row = None
    if _is_id(render_id):
        statement = select(Render.id, Render.status, Render.job_id)
        visible = _of(project_id, Render.project_id)
        row = connection.execute(statement.where(Render.id == render_id, *visible)).one_or_none()
    if row is None:
        raise NotFound(f"There is no render {render_id[:40]!r} that you may see.")
    return FoundRender(row.id, RenderStatus(row.status), find_job(connection, row.job_id, project_id))


def _of(project_id: str | None, column: Any) -> list[ColumnElement[bool]]:
    return [] if project_id is None else [column == project_id]


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
