"""`farm gc`: remove what nobody knows any more."""

from typing import Annotated

import typer

from farm.connections import Connections
from farm.console.output import JsonOption, out, print_json
from farm.local.embedded_servers import storage_of_folder
from farm.schema.revisions import check_revision
from farm.settings import load_settings
from scheduler.maintenance.old_files.collect_garbage import collect_garbage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gc")(gc)


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove files that no row and no job at work knows, from the bucket and from this machine.

    The whole bucket, and the spool folders that are here. The scheduler does the same in the background, a page a
    minute. Nothing younger than FARM_ORPHAN_HOURS goes.
    """
    settings = load_settings()
    with Connections.open(storage_of_folder(settings) or settings) as connections:
        check_revision(connections.engine)
        found = collect_garbage(connections, connections.clock(), remove=not dry_run)
    if as_json:
        uploads = [upload.key for upload in found.uploads]
        print_json(
            {"removed": not dry_run, "objects": found.objects, "open_uploads": uploads, "folders": found.folders}
        )
        return
    for name in (*found.objects, *(upload.key for upload in found.uploads), *map(str, found.folders)):
        out().print(name)
    done = "Would remove" if dry_run else "Removed"
    out().print(
        f"{done} {len(found.objects):,} objects, {len(found.uploads):,} uploads that never ended and "
        f"{len(found.folders):,} spool folders."
    )
