"""A farm from a backup: objects first, then all rows in one transaction; before either, everything is looked at."""

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, select, text

from farm.backup.archive import BackupReader
from farm.backup.manifest import CATALOG, OBJECT_LIST, OBJECTS, BackupManifest, rows_of
from farm.backup.rows import filled, go_on_counting, insert_rows, tables_of
from farm.database import write
from farm.errors import Conflict, UnusableFile
from farm.schema.revisions import WrongRevision, current_revision, known_revisions
from farm.schema.upgrade import migrate
from farm.storage import Storage
from farm.storage_keys import ARTIFACTS, INPUTS
from farm.tables import Job


@dataclass
class Restored:
    """What a restore did."""

    manifest: BackupManifest
    rows: dict[str, int] = field(default_factory=dict)
    objects_copied: int = 0  # that were not in the bucket before
    #: Objects that rows name and that are not in the bucket; None: nobody looked.
    objects_missing: int | None = None
    objects_unknown: int = 0  # in the bucket, and no row names them
    catalog_files: list[Path] = field(default_factory=list)  # that were written, lowest layer first
    models: list[str] = field(default_factory=list)  # that jobs wait for which have not ended


def read_backup(path: Path) -> BackupManifest:
    """The manifest of a backup, all of which was read and is as it was written. Raises UnusableFile."""
    with BackupReader(path) as backup:
        _verify(backup)
        return backup.manifest


def restore_backup(path: Path, engine: Engine, storage: Storage | None, catalog: Path | None = None) -> Restored:
    """Restore into an empty database, into the bucket of `storage` what was copied, and into the new folder `catalog`
    the farm's own catalog files.

    Nothing is written before the whole file was read. If it is broken off while objects are copied, it can be done
    again; the rows are there all at once, or none. Without `storage` nobody looks for objects.

    Raises UnusableFile (damaged, no backup), WrongRevision (of a newer farm), Conflict (this farm has something
    already), OSError (the folder is there already, or cannot be made or written), StorageDown.
    """
    with BackupReader(path) as backup:
        _verify(backup)
        _check_revision(backup.manifest)
        _check_database(backup.manifest, engine)
        if storage is None and backup.manifest.objects_copied and backup.manifest.objects:
            raise Conflict(
                "This backup holds objects, and the settings name no storage to put them into: set "
                "FARM_S3_ENDPOINT_URL, FARM_S3_BUCKET and the keys."
            )
        with ExitStack() as broken_off:
            # First, since a folder is what is most often wrong, and is easily taken away again.
            restored = Restored(backup.manifest)
            if catalog is not None:
                restored.catalog_files = _restore_catalog(backup, catalog, broken_off)
            if storage is not None:
                _restore_objects(backup, storage, restored)
            with write(engine) as connection:
                _restore_rows(backup, connection, restored)
                unfinished = select(Job.model).where(Job.finished_at.is_(None)).distinct()
                restored.models = list(connection.scalars(unfinished))
            broken_off.pop_all()
    return restored


def _restore_catalog(backup: BackupReader, folder: Path, broken_off: ExitStack) -> list[Path]:
    """Write the catalog files into a new folder, which goes again when the restore is broken off."""
    folder.mkdir(parents=True)
    broken_off.callback(shutil.rmtree, folder, ignore_errors=True)
    written = []
    for name in sorted(backup.manifest.members):
        if name.startswith(CATALOG):
            # By its last part alone: no name in a file leads out of the folder.
            target = folder / Path(name).name
            with backup.open(name) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file)
            written.append(target)
    return written


def _verify(backup: BackupReader) -> None:
    if OBJECT_LIST not in backup.manifest.members:
        raise UnusableFile(f"The backup is damaged: it does not list {OBJECT_LIST}.")
    backup.verify()
    for stored in backup.objects():
        if backup.manifest.objects_copied and (name := OBJECTS + stored.key) in backup.names:
            backup.verify_copy(name, stored.size, stored.sha256)


def _check_revision(manifest: BackupManifest) -> None:
    known = known_revisions()
    if manifest.revision in known:
        return
    if manifest.revision > (newest := known[-1]):
        raise WrongRevision(
            f"The backup was made by a newer farm ({manifest.farm_version}, revision {manifest.revision}); this one "
            f"knows revisions up to {newest}. Install the newer farm, then restore."
        )
    raise UnusableFile(f"The backup is damaged: no farm ever had the revision {manifest.revision!r}.")


def _check_database(manifest: BackupManifest, engine: Engine) -> None:
    """The database is empty, or has this backup's schema without a row: never is anything mixed or overwritten."""
    current = current_revision(engine)
    with engine.connect() as connection:
        _check_empty(connection, tables_of(connection))
    if current not in (None, manifest.revision):
        raise Conflict(
            f"This database has the schema of revision {current}, the backup that of {manifest.revision}. Restore into "
            "a database without a schema; the restore makes it, and brings it to the newest revision."
        )


def _check_empty(connection: Connection, tables: list[Table]) -> None:
    if names := filled(connection, tables):
        raise Conflict(
            f"This farm is not empty: its database has rows in {', '.join(names[:5])}"
            f"{' and others' if len(names) > 5 else ''}. A backup is restored into an empty database only; name "
            "another one in FARM_DATABASE_URL (or another FARM_DATA_DIR)."
        )


def _restore_objects(backup: BackupReader, storage: Storage, restored: Restored) -> None:
    """Copy what is not in the bucket yet, and say what is missing. Raises Conflict when something else is there."""
    wanted = {stored.key: stored for stored in backup.objects()}
    there = {found.key: found.size for prefix in (ARTIFACTS, INPUTS) for found in storage.versions(prefix)}
    other = [key for key, size in there.items() if key in wanted and size != wanted[key].size]
    if other:
        raise Conflict(
            f"The bucket has other bytes under {len(other)} of the keys that this backup names, the first being "
            f"{other[0]!r}. Restore into an empty bucket, or into the one that the backup was made from."
        )
    for key, stored in wanted.items():
        if key not in there and (name := OBJECTS + key) in backup.names:
            with backup.open(name) as source:
                storage.put_stream(key, source, stored.content_type)
            there[key] = stored.size
            restored.objects_copied += 1
    restored.objects_missing = len(wanted.keys() - there.keys())
    restored.objects_unknown = len(there.keys() - wanted.keys())


def _restore_rows(backup: BackupReader, connection: Connection, restored: Restored) -> None:
    manifest = backup.manifest
    migrate(connection, manifest.revision)
    tables = tables_of(connection)
    if unknown := manifest.rows.keys() - {table.name for table in tables}:
        raise UnusableFile(f"The backup has tables that revision {manifest.revision} does not: {', '.join(unknown)}.")
    _check_empty(connection, tables)  # once more, where nobody else writes
    if missing := {table.name for table in tables} - manifest.rows.keys():
        raise UnusableFile(f"The backup is damaged: it lists no rows of {', '.join(sorted(missing))}.")
    for table in tables:
        restored.rows[table.name] = insert_rows(connection, table, backup.lines(rows_of(table.name)))
    for name, number in manifest.numbers.items():
        go_on_counting(connection, name, number)
    migrate(connection)
    if connection.dialect.name == "postgresql":  # or its first plans are those of empty tables
        connection.execute(text("ANALYZE"))
