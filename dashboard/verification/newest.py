"""The newest verification of a render, and where the files of both renders lie."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from dashboard.reads.renders import StoredArtifact, artifacts_of
from farm.lifecycle import RenderStatus
from farm.storage_keys import ArtifactKind
from farm.tables import Job, Render
from farm.verification.compare_stored import StoredRender


@dataclass(frozen=True)
class SecondRender:
    """A render that was asked for to be the same as another. Times in seconds since 1970."""

    id: str
    job_id: str
    status: RenderStatus
    reason: str | None
    asked_at: float
    finished_at: float | None
    files: tuple[StoredRender, StoredRender] | None  # of the first and of this one; None: one of them is not there


def find_newest(connection: Connection, project_id: str, render_id: str) -> SecondRender | None:
    """The newest verification of a render; None: there is none. Whose render it is has been looked at. Two statements.

    Reads ix_jobs_verifies_id.
    """
    row = connection.execute(
        select(Render.id, Render.job_id, Render.status, Render.reason, Render.finished_at, Job.created_at)
        .join(Render, Render.job_id == Job.id)
        .where(Job.verifies_id == render_id, Job.project_id == project_id, Job.delete_at.is_(None), Render.index == 0)
        .order_by(Job.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    found = artifacts_of(connection, [render_id, row.id])
    first, second = (_stored(found.get(one, [])) for one in (render_id, row.id))
    return SecondRender(
        id=row.id,
        job_id=row.job_id,
        status=RenderStatus(row.status),
        reason=row.reason,
        asked_at=row.created_at,
        finished_at=row.finished_at,
        files=(first, second) if first and second else None,
    )


def _stored(files: list[StoredArtifact]) -> StoredRender | None:
    by_kind = {file.kind: file for file in files}
    manifest, output = (by_kind.get(kind.value) for kind in (ArtifactKind.MANIFEST, ArtifactKind.OUTPUT))
    if manifest is None or output is None:
        return None
    return StoredRender(manifest.key, output.key, output.content_type, output.size)
