"""All at once what the duties do page by page: whatever no row and no live job knows, in the bucket and on this disk.

It goes by the rules of `remove_orphans` and `remove_uploads`, by their ages, too, and may run beside them and beside a
farm at work. What lies under other prefixes of the bucket is not the farm's to judge.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from farm.connections import Connections
from farm.spool_folders import abandoned
from farm.storage import OpenUpload, StoredObject
from farm.storage_keys import ARTIFACTS, INPUTS
from scheduler.maintenance.old_files import remove_orphans, remove_uploads

#: Objects in one page of a listing.
PAGE = 1000


@dataclass
class Garbage:
    """What nobody knows: keys of objects, uploads that never ended, folders of this machine."""

    objects: list[str] = field(default_factory=list)
    uploads: list[OpenUpload] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)


def collect_garbage(connections: Connections, now: float, *, remove: bool) -> Garbage:
    """Find it all, and remove it if that is asked for. Raises StorageDown; what was removed before stays so."""
    storage, settings = connections.storage, connections.settings
    garbage = Garbage()
    before = remove_orphans.oldest_needed(settings, now)
    for page in _pages(connections, ARTIFACTS, before):
        _take(connections, remove_orphans.orphans(connections, page), garbage, remove=remove)
    for page in _pages(connections, INPUTS, remove_uploads.oldest_nameless(settings, now)):
        _take(connections, remove_uploads.nameless(connections, page), garbage, remove=remove)
    garbage.uploads = [upload for upload in storage.open_uploads(ARTIFACTS) if upload.begun < before]
    for upload in garbage.uploads if remove else ():
        storage.abort(upload)
    for parent in sorted({Path(tempfile.gettempdir()), settings.data_dir / "tmp"}):
        garbage.folders += abandoned(parent, remove=remove)
    return garbage


def _pages(connections: Connections, prefix: str, before: float) -> Iterator[Sequence[StoredObject]]:
    """Those that are older than `before`, page by page."""
    after, more = "", True
    while more:
        page = connections.storage.page(prefix, after, PAGE)
        more = len(page) == PAGE
        after = page[-1].key if page else ""
        yield [item for item in page if item.modified < before]


def _take(connections: Connections, keys: list[str], garbage: Garbage, *, remove: bool) -> None:
    if remove and keys:
        connections.storage.delete(keys)
    garbage.objects += keys
