"""A backup of a farm that may go on running: all rows as they were at one moment, and what lies in the bucket."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, select, union_all

from farm.backup.archive import BackupWriter
from farm.backup.manifest import CATALOG, OBJECT_LIST, OBJECTS, BackupManifest, StoredObjectLine, rows_of
from farm.backup.rows import CHUNK, last_numbers, row_lines
from farm.clock import Clock
from farm.database import snapshot
from farm.errors import NotFound
from farm.schema.revisions import check_revision, newest_revision
from farm.settings import Settings
from farm.storage import Storage
from farm.tables import Artifact, Base, Input

#: An object up to this size is held in memory while it is copied; a larger one on the disk.
_HELD_BYTES = 32 * 1024 * 1024


def create_backup(
    path: Path, settings: Settings, engine: Engine, clock: Clock, storage: Storage | None = None
) -> BackupManifest:
    """Write a backup to `path`; with `storage` it holds the objects themselves, not only what they are.

    Raises FileExistsError, other OSErrors (a full disk), WrongRevision, StorageDown. Then there is no file.
    """
    check_revision(engine)
    with BackupWriter(path) as backup, tempfile.TemporaryFile(dir=path.parent) as listing:
        for name, file in _catalog_files(settings):
            with backup.member(name) as member:
                member.write(file.read_bytes())
        with snapshot(engine) as connection:
            made_at = clock()
            _write_tables(backup, connection)
            numbers = last_numbers(connection)
            objects, object_bytes = _write_object_list(backup, connection, listing)
        missing = _copy_objects(backup, storage, listing) if storage else 0
        manifest = BackupManifest(
            farm_version=version("latent-farm"),
            revision=newest_revision(),
            made_at=datetime.fromtimestamp(made_at, UTC).isoformat(timespec="seconds"),
            database=engine.dialect.name,
            bucket=settings.s3_bucket,
            numbers=numbers,
            objects=objects,
            object_bytes=object_bytes,
            objects_copied=storage is not None,
            objects_missing=missing,
            members=backup.members,
        )
        backup.finish(manifest)
    return manifest


def _catalog_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """The farm's own files, lowest first; so named that a folder with all of them is read in the same order."""
    files = [
        file
        for overlay in settings.catalog
        for file in (sorted(overlay.rglob("*.yaml")) if overlay.is_dir() else [overlay])
    ]
    yield from ((f"{CATALOG}{number:02}-{file.name}", file) for number, file in enumerate(files, start=1))


def _write_tables(backup: BackupWriter, connection: Connection) -> None:
    for table in Base.metadata.sorted_tables:
        with backup.member(rows_of(table.name)) as member:
            member.rows = 0
            for line in row_lines(connection, table):
                member.write(line)
                member.rows += 1


def _write_object_list(backup: BackupWriter, connection: Connection, listing: IO[bytes]) -> tuple[int, int]:
    """Every object that a row names, also into `listing`; how many there are, and their bytes."""
    named = union_all(*(select(table.key, table.size, table.sha256, table.content_type) for table in (Artifact, Input)))
    count = size = 0
    with backup.member(OBJECT_LIST) as member:
        for row in connection.execute(named, execution_options={"yield_per": CHUNK}).mappings():
            line = json.dumps(dict(row), ensure_ascii=False).encode() + b"\n"
            member.write(line)
            listing.write(line)
            count, size = count + 1, size + row["size"]
        member.rows = count
    return count, size


def _copy_objects(backup: BackupWriter, storage: Storage, listing: IO[bytes]) -> int:
    """Copy what is in the bucket and is what its row says; returns how many were not."""
    missing = 0
    listing.seek(0)
    for line in listing:
        stored = StoredObjectLine.model_validate_json(line)
        with tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES) as held:
            if _fetch(storage, stored, held):
                held.seek(0)
                backup.copy(OBJECTS + stored.key, held)
            else:
                missing += 1
    return missing


def _fetch(storage: Storage, stored: StoredObjectLine, target: IO[bytes]) -> bool:
    """Whether the object is there with the bytes that its row says: the farm may have removed it meanwhile."""
    sha256 = hashlib.sha256()
    try:
        for piece in storage.stream(stored.key, 0, storage.version(stored.key)):
            target.write(piece)
            sha256.update(piece)
    except NotFound:
        return False
    return sha256.hexdigest() == stored.sha256
