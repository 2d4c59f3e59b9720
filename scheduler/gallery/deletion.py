"""Deleting single renders: they leave the gallery, and lose their files when their time has come.

The render itself stays in its job, whose counts and costs go on being true: as one whose output was not kept.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import delete, select, update

from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.restore_period import KEPT_SECONDS
from farm.tables import Artifact, RenderMark
from scheduler.gallery.marks import set_marks
from scheduler.gallery.owned_renders import check_owned

log = structlog.get_logger(__name__)


def delete_renders(
    connections: Connections, project_id: str, render_ids: Sequence[str], *, keep_seconds: float = KEPT_SECONDS
) -> None:
    """Have the files of finished renders removed after `keep_seconds`; deleting them again sets the time anew.

    Raises:
        NotFound: one of them is no finished render of this project; then none is deleted.
        Conflict: the files of one are removed already.
    """
    _set_time(connections, project_id, render_ids, connections.clock() + keep_seconds)


def restore_renders(connections: Connections, project_id: str, render_ids: Sequence[str]) -> None:
    """Keep renders that were deleted; one that was not stays as it is.

    Raises:
        NotFound: one of them is no finished render of this project; then none is restored.
        Conflict: the time of one has come: its files are being removed.
    """
    _set_time(connections, project_id, render_ids, None)


def _set_time(connections: Connections, project_id: str, render_ids: Sequence[str], delete_at: float | None) -> None:
    now = connections.clock()
    gone = select(RenderMark.render_id).where(RenderMark.render_id.in_(render_ids), RenderMark.delete_at <= now)
    before = select(RenderMark.render_id).where(RenderMark.render_id.in_(render_ids), RenderMark.delete_at.is_not(None))
    with write(connections.engine) as connection:
        check_owned(connection, project_id, render_ids, done=True)
        if (render_id := connection.scalar(gone.with_for_update().limit(1))) is not None:
            raise Conflict(f"Render {render_id} was deleted and its files are being removed; render it again.")
        deleted = set(connection.scalars(before))
        set_marks(connection, render_ids, {"delete_at": delete_at})
        action = Action.RENDER_RESTORED if delete_at is None else Action.RENDER_DELETED
        for render_id in deleted if delete_at is None else render_ids:
            record(connection, action, render_id, now, project_id=project_id)


def remove_deleted(connections: Connections, now: float, *, most: int) -> int:
    """Remove the files of some renders whose time has come; returns how many renders. Reads ix_render_marks_delete_at.

    Files before rows: after a crash the next pass finds them again. Raises StorageDown.
    """
    due = (
        select(RenderMark.render_id)
        .where(RenderMark.delete_at.is_not(None), RenderMark.removed_at.is_(None), RenderMark.delete_at <= now)
        .order_by(RenderMark.delete_at)
        .limit(most)
    )
    with read(connections.engine) as connection:
        renders = connection.scalars(due).all()
        files = connection.execute(select(Artifact.id, Artifact.key).where(Artifact.render_id.in_(renders))).all()
    if not renders:
        return 0
    connections.storage.delete([file.key for file in files])
    with write(connections.engine) as connection:
        connection.execute(delete(Artifact).where(Artifact.id.in_([file.id for file in files])))
        connection.execute(update(RenderMark).where(RenderMark.render_id.in_(renders)).values(removed_at=now))
    log.info("files of deleted renders removed", renders=len(renders))
    return len(renders)
