"""Duty: files that nobody can reach are removed from the bucket, and uploads that never ended are broken off.

A worker that is lost between its upload and its settle leaves files under its attempt, which no row names. A file is
an orphan when its attempt is neither the one that its render stands at (settled, or running now) nor named by a row,
and when it is older than anybody could still need it: `orphan_hours`, and the lease, and the life of a link. Of
checkpoints an attempt writes many and replaces each by the next: one that no row names is an orphan in any attempt.

One page of the listing in a pass, so that a bucket of millions is walked in the background; where the last pass
stopped is kept in the bucket itself.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.errors import NotFound, StorageDown
from farm.storage import StoredObject
from farm.storage_keys import ARTIFACTS, attempt_of, is_checkpoint
from farm.tables import Artifact, Render

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
#: Objects in one pass.
PAGE = 500
CURSOR = "farm/sweep-cursor"


def one_pass(connections: Connections, now: float) -> int:
    """Look at one page of the bucket and at the open uploads; returns how many were removed."""
    settings = connections.settings
    before = now - settings.orphan_hours * 3600 - settings.lease_seconds - settings.link_seconds
    try:
        return _sweep_page(connections, before) + _abort_uploads(connections, before)
    except StorageDown as error:
        log.warning("sweep put off", reason=str(error))
        return 0


def _sweep_page(connections: Connections, before: float) -> int:
    storage = connections.storage
    cursor = _cursor(connections)
    page = storage.page(ARTIFACTS, cursor, PAGE)
    orphans = _orphans(connections, [item for item in page if item.modified < before])
    if orphans:
        storage.delete(orphans)
        log.info("orphans removed", files=len(orphans), first=orphans[0])
    ahead = page[-1].key if len(page) == PAGE else ""  # from the beginning again
    if ahead != cursor:
        storage.put(CURSOR, ahead.encode(), "text/plain")
    return len(orphans)


def _cursor(connections: Connections) -> str:
    try:
        return connections.storage.get(CURSOR).decode()
    except (NotFound, UnicodeDecodeError):
        return ""


def _orphans(connections: Connections, old: Sequence[StoredObject]) -> list[str]:
    """The keys among these that belong to no attempt that counts. Two statements, by primary key and unique key."""
    attempts = {item.key: named for item in old if (named := attempt_of(item.key))}
    with read(connections.engine) as connection:
        ids = {render_id for render_id, _ in attempts.values()}
        rows = connection.execute(select(Render.id, Render.attempt).where(Render.id.in_(ids)))
        current = {(row.id, row.attempt) for row in rows}
        known = set(connection.scalars(select(Artifact.key).where(Artifact.key.in_(attempts))))
    return [
        key for key, attempt in attempts.items() if key not in known and (attempt not in current or is_checkpoint(key))
    ]


def _abort_uploads(connections: Connections, before: float) -> int:
    """Break off what has been uploading for so long that whoever did it is gone."""
    storage = connections.storage
    left = [upload for upload in storage.open_uploads(ARTIFACTS) if upload.begun < before]
    for upload in left:
        storage.abort(upload)
        log.info("upload broken off", key=upload.key)
    return len(left)
