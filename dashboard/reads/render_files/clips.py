"""Clips one by one, whichever job they are of: as programs see them that know only videos."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, or_, select

from dashboard.reads.ids import known_form, missing
from farm.lifecycle import RenderStatus
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Job, Render
from farm.verification.second_renders import SecondRenders
from scheduler.gallery.second_renders import listed_renders


@dataclass(frozen=True)
class Clip:
    """A render of several frames."""

    id: str
    job_id: str
    index: int
    model: str
    status: RenderStatus
    parameters: Mapping[str, Any]
    reason: str | None
    estimate: float  # GPU-seconds
    created_at: float
    finished_at: float | None
    remixed_from_id: str | None  # the clip of which it is a remix


def find_clip(connection: Connection, project_id: str, clip_id: str) -> Clip:
    """A clip of this project by its render's id. Raises NotFound, also when its file was removed."""
    clip_id = known_form("video", clip_id)
    row = connection.execute(_clips(project_id).where(Render.id == clip_id)).one_or_none()
    if row is None:
        raise missing("video", clip_id)
    return _clip(row)


def first_clip(connection: Connection, project_id: str, job_id: str) -> Clip:
    """The clip of a job that has one. Raises NotFound."""
    row = connection.execute(_clips(project_id).where(Render.job_id == job_id, Render.index == 0)).one_or_none()
    if row is None:
        raise missing("video", job_id)
    return _clip(row)


def list_clips(
    connection: Connection,
    project_id: str,
    models: Sequence[str],
    *,
    after: Clip | None,
    oldest_first: bool,
    limit: int,
) -> list[Clip]:
    """At most `limit` clips of the project by these models, job by job, behind the clip `after`. One statement.

    Those of deleted jobs and second renders are left out. Walks the jobs (index project_id, id), and of each its
    renders (unique index job_id, index).
    """
    statement = _clips(project_id).where(Job.project_id == project_id, Job.model.in_(models), Job.delete_at.is_(None))
    statement = statement.where(*listed_renders(SecondRenders.WITHOUT))
    if after is not None:
        further = Job.id > after.job_id if oldest_first else Job.id < after.job_id
        same_job = and_(Job.id == after.job_id, Render.index > after.index)
        statement = statement.where(or_(further, same_job))
    order = Job.id.asc() if oldest_first else Job.id.desc()
    return [_clip(row) for row in connection.execute(statement.order_by(order, Render.index).limit(limit))]


def clip_file(connection: Connection, clip: Clip, kind: ArtifactKind) -> str | None:
    """The key of a file of a clip; None when there is none. One statement."""
    return connection.scalar(
        select(Artifact.key)
        .join(Render, (Render.id == Artifact.render_id) & (Render.attempt == Artifact.attempt))
        .where(Artifact.render_id == clip.id, Artifact.kind == kind.value)
    )


def _clips(project_id: str) -> Select[*tuple[Any, ...]]:
    """Clips of the project, but for those that are done and have lost their file."""
    output = exists().where(Artifact.render_id == Render.id, Artifact.kind == ArtifactKind.OUTPUT.value)
    return (
        select(
            Render.id,
            Render.job_id,
            Render.index.label("place"),
            Job.model,
            Render.status,
            Render.parameters,
            Render.reason,
            Render.estimate,
            Render.created_at,
            Render.finished_at,
            Job.remixed_from_id,
        )
        .join(Job, Job.id == Render.job_id)
        .where(Render.project_id == project_id, Render.frames > 1, or_(Render.status != "done", output))
    )


def _clip(row: Any) -> Clip:
    return Clip(
        id=row.id,
        job_id=row.job_id,
        index=row.place,
        model=row.model,
        status=RenderStatus(row.status),
        parameters=row.parameters,
        reason=row.reason,
        estimate=row.estimate,
        created_at=row.created_at,
        finished_at=row.finished_at,
        remixed_from_id=row.remixed_from_id,
    )
