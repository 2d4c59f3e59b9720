"""Duty: checkpoints of renders that have ended are removed, however they ended. Files before rows.

A render that failed and is retried by somebody begins anew; one that was drafted keeps its checkpoint, from which it
goes on when it is chosen.
"""

import structlog
from sqlalchemy import delete, select

from farm.connections import Connections
from farm.database import read, write
from farm.errors import StorageDown
from farm.lifecycle import ENDED
from farm.tables import Artifact, Render
from scheduler.leases.checkpoint_rows import IS_CHECKPOINT

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
#: Removed in one pass.
CHUNK = 500


def one_pass(connections: Connections, now: float) -> int:
    """Remove some of them; returns how many. Reads ix_artifacts_checkpoint, and renders by primary key."""
    ended = (
        select(Artifact.id, Artifact.key)
        .join(Render, Render.id == Artifact.render_id)
        .where(IS_CHECKPOINT, Render.status.in_([status.value for status in ENDED]))
        .limit(CHUNK)
    )
    with read(connections.engine) as connection:
        rows = connection.execute(ended).all()
    if not rows:
        return 0
    try:
        connections.storage.delete([row.key for row in rows])
    except StorageDown as error:
        log.warning("checkpoints stay for now: files cannot be removed", reason=str(error))
        return 0
    with write(connections.engine) as connection:
        connection.execute(delete(Artifact).where(Artifact.id.in_([row.id for row in rows])))
    return len(rows)
