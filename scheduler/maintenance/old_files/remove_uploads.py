"""Duty: uploaded pictures go when nothing has used them for as long as the project keeps its jobs, and files of
uploads that never became a row go after `orphan_hours`. Files before rows.
"""

from collections.abc import Sequence

import structlog
from sqlalchemy import func, select

from farm.connections import Connections
from farm.database import read
from farm.errors import Conflict, NotFound, StorageDown
from farm.settings import Settings
from farm.storage import StoredObject
from farm.storage_keys import INPUTS
from farm.tables import Input, Project
from scheduler.uploads import remove_input

log = structlog.get_logger(__name__)

EVERY_SECONDS = 300.0
#: Looked at in one pass, of either kind.
CHUNK = 100
DAY = 86_400.0


class RemoveUploads:
    """The duty, and where its last look at the bucket stopped: a supervisor that starts begins with the first file."""

    def __init__(self) -> None:
        self._looked_at = ""

    def one_pass(self, connections: Connections, now: float) -> int:
        """Remove some of what is too old; returns how many pictures and files."""
        try:
            return _remove_old(connections, now) + self._remove_nameless(connections, now)
        except StorageDown as error:
            log.warning("uploaded pictures stay for now: files cannot be removed", reason=str(error))
            return 0

    def _remove_nameless(self, connections: Connections, now: float) -> int:
        """One page of the files under the prefix of inputs."""
        before = oldest_nameless(connections.settings, now)
        page = connections.storage.page(INPUTS, self._looked_at, CHUNK)
        self._looked_at = page[-1].key if len(page) == CHUNK else ""
        orphans = nameless(connections, [item for item in page if item.modified < before])
        if orphans:
            connections.storage.delete(orphans)
            log.info("files of broken uploads removed", files=len(orphans), first=orphans[0])
        return len(orphans)


def oldest_nameless(settings: Settings, now: float) -> float:
    """A file from before then, whose upload has ended long ago, gets no row any more."""
    return now - settings.orphan_hours * 3600


def nameless(connections: Connections, old: Sequence[StoredObject]) -> list[str]:
    """The keys among these that no row names."""
    keys = [item.key for item in old]
    with read(connections.engine) as connection:
        known = set(connection.scalars(select(Input.key).where(Input.key.in_(keys))))
    return [key for key in keys if key not in known]


def _remove_old(connections: Connections, now: float) -> int:
    days = func.coalesce(Project.retention_days, connections.settings.retain_days)
    used = func.coalesce(Input.used_at, Input.created_at)
    old = (
        select(Input.id, Input.project_id)
        .join(Project, Project.id == Input.project_id)
        .where(used < now - days * DAY)
        .order_by(used)
        .limit(CHUNK)
    )
    with read(connections.engine) as connection:
        rows = connection.execute(old).all()
    removed = 0
    for input_id, project_id in rows:
        try:
            remove_input(connections, project_id, input_id)
            removed += 1
        except (Conflict, NotFound):  # a render waits for it still, or somebody else removed it
            continue
    return removed
