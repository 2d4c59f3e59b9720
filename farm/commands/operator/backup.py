"""`farm backup`: the whole farm in one file, and a farm from that file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from farm.backup.create import create_backup
from farm.backup.manifest import BackupManifest
from farm.backup.restore import Restored, read_backup, restore_backup
from farm.catalog import load_catalog
from farm.console.output import JsonOption, answer, say
from farm.console.own_database import database
from farm.database import make_engine
from farm.errors import Conflict
from farm.farm_clock import FarmClock
from farm.local.embedded_servers import storage_of_folder
from farm.settings import Settings, load_settings
from farm.storage import Storage

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file of the backup.")]


def register(app: typer.Typer) -> None:
    """Add `farm backup …` to the command."""
    group = typer.Typer(no_args_is_help=True, help="The whole farm in one file, and a farm from that file.")
    group.command("create")(create)
    group.command("show")(show)
    group.command("restore")(restore)
    app.add_typer(group, name="backup")


def create(
    file: FileArgument,
    objects: Annotated[bool, typer.Option("--objects", help="Copy pictures, clips and uploads, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a backup of the database and the catalog, with a list of all objects. The farm may go on running.

    The file holds secrets: hashes of passwords, keys and sessions, and what signs webhooks. Only you can read it.
    """
    with database() as (settings, engine), _bucket(settings) as storage:
        if objects and storage is None:
            raise Conflict("--objects copies from the storage, and the settings name none: set FARM_S3_ENDPOINT_URL.")
        manifest = create_backup(file, settings, engine, FarmClock(engine), storage if objects else None)
    answer(as_json, {"file": file, **_told(manifest)}, f"{file}: {_in_words(manifest)}.")
    if manifest.objects_missing:
        say(f"{manifest.objects_missing:,} objects were not in the bucket as their rows say, and are not in the file.")


def show(file: FileArgument, as_json: JsonOption = False) -> None:
    """Read a whole backup, see that it is as it was written, and say what is in it."""
    manifest = read_backup(file)
    secrets = "; ".join(f"{what} ({table})" for table, what in manifest.secrets.items())
    answer(as_json, {"file": file, **_told(manifest)}, f"{file}: {_in_words(manifest)}.\nIt holds secrets: {secrets}.")


def restore(
    file: FileArgument,
    catalog: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the catalog's files into this new folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a farm from a backup, in the database and bucket that the settings name. Both must be empty.

    The bucket may also be the one that the backup was made from. What waited or ran goes on with the first worker.
    """
    settings = load_settings()
    engine = make_engine(settings)
    try:
        with _bucket(settings) as storage:
            restored = restore_backup(file, engine, storage, catalog)
    finally:
        engine.dispose()
    rows = sum(restored.rows.values())
    report = {
        "file": file,
        **_told(restored.manifest),
        "rows_restored": rows,
        "objects_restored": restored.objects_copied,
        "objects_not_in_bucket": restored.objects_missing,
        "objects_unknown": restored.objects_unknown,
        "catalog_files": restored.catalog_files,
    }
    answer(as_json, report, f"Restored {rows:,} rows and {restored.objects_copied:,} objects from {file}.")
    _warn(settings, restored)


@contextmanager
def _bucket(settings: Settings) -> Iterator[Storage | None]:
    """The farm's storage; None where the settings name none and no farm of this machine has one."""
    named = storage_of_folder(settings)
    if named is None:
        yield None
        return
    storage = Storage(named)
    try:
        yield storage
    finally:
        storage.close()


def _told(manifest: BackupManifest) -> dict[str, object]:
    return manifest.model_dump(mode="json", exclude={"members"}) | {"rows": manifest.rows}


def _in_words(manifest: BackupManifest) -> str:
    copied = (
        f"copies of {manifest.objects - manifest.objects_missing:,} of" if manifest.objects_copied else "the list of"
    )
    return (
        f"{sum(manifest.rows.values()):,} rows at revision {manifest.revision} as of {manifest.made_at}, "
        f"{copied} {manifest.objects:,} objects ({manifest.object_bytes / 1e6:,.1f} MB), "
        f"by farm {manifest.farm_version}"
    )


def _warn(settings: Settings, restored: Restored) -> None:
    """What somebody has to know before the farm starts."""
    if restored.objects_missing is None:
        say("The settings name no storage: nobody looked whether the objects are there.")
    elif restored.objects_missing:
        say(f"{restored.objects_missing:,} objects that rows name are not in the bucket; their renders have no files.")
    if restored.objects_unknown:
        say(
            f"{restored.objects_unknown:,} objects in the bucket are not in the backup. The scheduler removes them "
            f"when they are older than FARM_ORPHAN_HOURS ({settings.orphan_hours:g})."
        )
    models = load_catalog(settings).models
    if lost := sorted(set(restored.models) - set(models)):
        say(f"This node's catalog has no {', '.join(lost)}, which restored jobs ask for; see --catalog.")
