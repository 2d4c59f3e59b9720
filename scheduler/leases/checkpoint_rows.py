"""Checkpoints of renders that are not done yet: the newest of each is a row, fenced on the attempt that wrote it.

The file is stored first, the row second, and the file that it replaces is removed last: a crash in between leaves a
file too many, which `scheduler.maintenance.old_files.remove_orphans` finds, and never a row without a file.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, delete, insert, literal_column, select

from farm.database import read, write
from farm.ids import new_id
from farm.lifecycle import RenderStatus
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact
from scheduler.leases.change_status import lock_renders

#: A literal: bound, it would hide ix_artifacts_checkpoint from a cached plan.
IS_CHECKPOINT = Artifact.kind == literal_column(f"'{ArtifactKind.CHECKPOINT.value}'")


@dataclass(frozen=True)
class Checkpoint:
    """A stored file from which the render can go on, and the attempt that wrote it."""

    render_id: str
    attempt: int
    file: StoredFile


@dataclass(frozen=True)
class Kept:
    """Which checkpoints count (render ids), and the keys of the files that they replace: remove those."""

    accepted: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)


def keep(engine: Engine, checkpoints: Sequence[Checkpoint], *, worker_id: str, now: float) -> Kept:
    """Make these the newest of their renders; void for attempts that were revoked meanwhile.

    Locks the renders by primary key in the order of their ids.
    """
    if not checkpoints:
        return Kept()
    with write(engine) as connection:
        renders = lock_renders(connection, [item.render_id for item in checkpoints])
        current = [
            item
            for item in checkpoints
            if (render := renders.get(item.render_id))
            and (render.status, render.attempt, render.worker_id) == (RenderStatus.RUNNING, item.attempt, worker_id)
        ]
        if not current:
            return Kept()
        accepted = [item.render_id for item in current]
        older = delete(Artifact).where(IS_CHECKPOINT, Artifact.render_id.in_(accepted)).returning(Artifact.key)
        replaced = set(connection.scalars(older)) - {item.file.key for item in current}
        connection.execute(insert(Artifact), [_row(item, now) for item in current])
    return Kept(accepted, sorted(replaced))


def newest(engine: Engine, render_ids: Collection[str]) -> dict[str, StoredFile]:
    """Where these renders can go on from, by render; those that have no checkpoint are not in it."""
    statement = select(Artifact.render_id, Artifact.key, Artifact.content_type, Artifact.size, Artifact.sha256)
    with read(engine) as connection:
        rows = connection.execute(statement.where(IS_CHECKPOINT, Artifact.render_id.in_(render_ids)))
        return {row.render_id: StoredFile(row.key, row.content_type, row.size, row.sha256) for row in rows}


def _row(item: Checkpoint, now: float) -> dict[str, object]:
    return {
        "id": new_id(),
        "render_id": item.render_id,
        "attempt": item.attempt,
        "kind": ArtifactKind.CHECKPOINT.value,
        "key": item.file.key,
        "content_type": item.file.content_type,
        "size": item.file.size,
        "sha256": item.file.sha256,
        "created_at": now,
    }
