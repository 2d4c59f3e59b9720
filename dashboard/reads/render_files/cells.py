"""The cells of a job's grid: thousands at once, so little is read of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from farm.lifecycle import RenderStatus
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Render

_WAITING = (RenderStatus.PENDING.value, RenderStatus.HELD.value)


@dataclass(frozen=True)
class GridCell:
    """A render as it stands in a grid. Sizes in pixels: of its thumbnail, or of what is rendered."""

    id: str
    index: int
    status: str
    width: int
    height: int
    frames: int
    reason: str | None
    thumbnail: str | None  # id of the artifact
    key: str | None  # where it lies in the bucket

    @property
    def state(self) -> str:
        """In one word."""
        return "waiting" if self.status in _WAITING else {"running": "rendering"}.get(self.status, self.status)


def list_cells(
    connection: Connection, job_id: str, indexes: Sequence[int], *, since: float | None = None
) -> dict[int, GridCell]:
    """The renders with these indexes, by index; with `since` only those that may have changed from then on.

    In seconds since 1970. One statement (unique index job_id, index). Whose job it is must have been looked at.
    """
    where = [Render.job_id == job_id, Render.index.in_(indexes)]
    if since is not None:
        where.append(_changed(since))
    thumbnail = and_(
        Artifact.render_id == Render.id,
        Artifact.attempt == Render.attempt,
        Artifact.kind == ArtifactKind.THUMBNAIL.value,
    )
    rows = connection.execute(
        select(
            Render.id,
            Render.index,
            Render.status,
            Render.width,
            Render.height,
            Render.frames,
            Render.reason,
            Artifact.id,
            Artifact.key,
            Artifact.width,
            Artifact.height,
        )
        .outerjoin(Artifact, thumbnail)
        .where(*where)
    )
    return {
        index: GridCell(id_, index, status, file_width or width, file_height or height, frames, reason, file, key)
        for id_, index, status, width, height, frames, reason, file, key, file_width, file_height in rows
    }


def list_seeds(connection: Connection, job_id: str, indexes: Sequence[int]) -> dict[int, str]:
    """The seeds of these renders, by index. One statement."""
    rows = connection.execute(
        select(Render.index, Render.parameters).where(Render.job_id == job_id, Render.index.in_(indexes))
    )
    return {index: str(parameters.get("seed")) for index, parameters in rows}


def _changed(since: float) -> ColumnElement[bool]:
    """It has ended since, or it was begun: then it runs, or waits once more."""
    begun = and_(Render.finished_at.is_(None), Render.attempt > 0)
    return or_(Render.finished_at >= since, begun)
