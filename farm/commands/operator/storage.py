"""`farm storage`: the bucket of all files."""

import typer

from farm.console.output import JsonOption, answer
from farm.settings import load_settings
from farm.storage import Storage


def register(app: typer.Typer) -> None:
    """Add `farm storage …` to the command."""
    group = typer.Typer(no_args_is_help=True, help="The bucket of all files.")
    group.callback()(_group)
    group.command("init")(init)
    app.add_typer(group, name="storage")


def _group() -> None:
    """The bucket of all files."""  # with a callback a lone command keeps its name


def init(as_json: JsonOption = False) -> None:
    """Make the bucket FARM_S3_BUCKET, if it is not there, and see that it can be used."""
    settings = load_settings()
    storage = Storage(settings)
    try:
        storage.ensure_bucket()
    finally:
        storage.close()
    words = f"The bucket {settings.s3_bucket} is there. To try it: farm doctor storage"
    answer(as_json, {"bucket": settings.s3_bucket}, words)
