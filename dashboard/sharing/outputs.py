"""The renders that a share link shows, and their files: what is done and not deleted, of its one target."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, exists, func, or_, select

from dashboard import schemas
from dashboard.reads.ids import missing
from dashboard.reads.renders import LOOKED_AT, AddressOf, StoredArtifact, find_artifact, renders_with_ids
from farm.storage_keys import ArtifactKind
from farm.tables import BoardRender, Job, Render, RenderMark
from farm.tables.share_links import SharedKind

#: What may be seen: neither manifests nor latents, which tell how it was made.
SHOWN = frozenset({ArtifactKind.OUTPUT.value, ArtifactKind.THUMBNAIL.value, ArtifactKind.POSTER.value})


@dataclass(frozen=True)
class SharedPage:
    """Some renders, and behind how many the next page begins; None: this was the last one."""

    renders: list[schemas.Render]
    next_after: int | None


def shared_page(connection: Connection, link: Any, *, after: int, limit: int, address_of: AddressOf) -> SharedPage:
    """At most `limit` renders of a link, in the order in which they were asked for.

    `after`: of a job the index behind which the page begins (from -1), of a board how many are passed over. Of a job
    only the next LOOKED_AT renders are looked at (unique index job_id, index).
    """
    if link.kind != SharedKind.JOB.value:
        skip = after + 1
        found = list(
            connection.scalars(
                select(Render.id).where(*_shared(link)).order_by(Render.id).offset(skip).limit(limit + 1)
            )
        )
        ids, further = found[:limit], after + limit if len(found) > limit else None
    else:
        looked_to = after + LOOKED_AT
        within = Render.index.between(after + 1, looked_to)
        some = select(Render.id, Render.index.label("place")).where(*_shared(link), within)
        rows = connection.execute(some.order_by(Render.index).limit(limit + 1)).all()
        ids = [row.id for row in rows[:limit]]
        last = connection.scalar(select(func.max(Render.index)).where(Render.job_id == link.target))
        behind = looked_to if last is not None and last > looked_to else None
        further = rows[limit - 1].place if len(rows) > limit else behind
    renders = renders_with_ids(connection, link.project_id, ids, address_of=address_of)
    return SharedPage(renders, further)


def shared_file(connection: Connection, link: Any, artifact_id: str) -> StoredArtifact:
    """A file that a link shows. Raises NotFound."""
    file = find_artifact(connection, link.project_id, artifact_id)
    shown = select(Render.id).where(Render.id == file.render_id, *_shared(link))
    if file.kind not in SHOWN or connection.scalar(shown) is None:
        raise missing("artifact", artifact_id)
    return file


def _shared(link: Any) -> tuple[Any, ...]:
    """Done, of the target, and neither deleted nor of a deleted job."""
    on_board = select(BoardRender.render_id).where(BoardRender.board_id == link.target)
    of_target = {
        SharedKind.RENDER.value: Render.id == link.target,
        SharedKind.JOB.value: Render.job_id == link.target,
        SharedKind.BOARD.value: Render.id.in_(on_board),
    }[link.kind]
    gone = exists().where(RenderMark.render_id == Render.id, RenderMark.delete_at.is_not(None))
    job_gone = exists().where(Job.id == Render.job_id, Job.delete_at.is_not(None))
    return (of_target, Render.project_id == link.project_id, Render.status == "done", ~or_(gone, job_gone))
