"""Duty: files that nobody can reach are removed from the bucket, and uploads that never ended are broken off.

A worker that is lost between its upload and its settle leaves files under its attempt, which no row names. A file is
an orphan when its attempt is neither the one that its render stands at (settled, or running now) nor named by a row,
and when it is older than anybody could still need it: `orphan_hours`, and the lease, and the life of a link. Of
checkpoints an attempt writes many and replaces each by the next: one that no row names is an orphan in any attempt.

One page of the listing in a pass, so that a bucket of millions is walked in the background; where the last pass
stopped is kept in the bucket itself.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.errors import NotFound, StorageDown
from farm.lifecycle import ENDED
from farm.settings import Settings
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
    before = oldest_needed(connections.settings, now)
    try:
        return _sweep_page(connections, before) + _abort_uploads(connections, before)
    except StorageDown as error:
        log.warning("sweep put off", reason=str(error))
        return 0


def oldest_needed(settings: Settings, now: float) -> float:
    """Nobody needs a file from before then that no row names: no lease and no link lasts so long."""
    return now - settings.orphan_hours * 3600 - settings.lease_seconds - settings.link_seconds


def _sweep_page(connections: Connections, before: float) -> int:
    storage = connections.storage
    cursor = _cursor(connections)
    page = storage.page(ARTIFACTS, cursor, PAGE)
    found = orphans(connections, [item for item in page if item.modified < before])
    if found:
        storage.delete(found)
        log.info("orphans removed", files=len(found), first=found[0])
    ahead = page[-1].key if len(page) == PAGE else ""  # from the beginning again
    if ahead != cursor:
        storage.put(CURSOR, ahead.encode(), "text/plain")
    return len(found)


def _cursor(connections: Connections) -> str:
    try:
        return connections.storage.get(CURSOR).decode()
    except (NotFound, UnicodeDecodeError):
        return ""


def orphans(connections: Connections, old: Sequence[StoredObject]) -> list[str]:
    """The keys among these that belong to no attempt that counts. Two statements, by primary key and unique key.

    A later attempt than its render's is one that a restored database does not know: the render may come to it yet, and
    write the same key, so it counts until the render has ended.
    """
    attempts = {item.key: named for item in old if (named := attempt_of(item.key))}
    with read(connections.engine) as connection:
        ids = {render_id for render_id, _ in attempts.values()}
        rows = connection.execute(select(Render.id, Render.attempt, Render.status).where(Render.id.in_(ids)))
        renders = {row.id: row for row in rows}
        known = set(connection.scalars(select(Artifact.key).where(Artifact.key.in_(attempts))))
    return [
        key
        for key, (render_id, attempt) in attempts.items()
        if key not in known and (is_checkpoint(key) or not _counts(renders.get(render_id), attempt))
    ]


def _counts(render: Any, attempt: int) -> bool:
    """Whether a file of this attempt may still be needed though no row names it."""
    if render is None or attempt < render.attempt:
        return False
    return attempt == render.attempt or render.status not in ENDED


def _abort_uploads(connections: Connections, before: float) -> int:
    """Break off what has been uploading for so long that whoever did it is gone."""
    storage = connections.storage
    left = [upload for upload in storage.open_uploads(ARTIFACTS) if upload.begun < before]
    for upload in left:
        storage.abort(upload)
        log.info("upload broken off", key=upload.key)
    return len(left)
