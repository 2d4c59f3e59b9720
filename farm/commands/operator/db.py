"""`farm db`: the schema of the job database."""

import typer

from farm.console.output import JsonOption, answer
from farm.database import make_engine
from farm.schema.revisions import check_revision, current_revision
from farm.schema.upgrade import upgrade
from farm.settings import load_settings

_app = typer.Typer(help="The schema of the job database.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `farm db …` to the command."""
    app.add_typer(_app, name="db")


@_app.command("upgrade")
def _upgrade(as_json: JsonOption = False) -> None:
    """Bring the database to the newest schema; an empty database gets all tables."""
    revision = upgrade(load_settings())
    answer(as_json, {"revision": revision}, f"The database is at revision {revision}.")


@_app.command("current")
def _current(as_json: JsonOption = False) -> None:
    """Say which schema the database has; fails unless it is the newest."""
    engine = make_engine(load_settings())
    try:
        revision = current_revision(engine)
        answer(as_json, {"revision": revision}, f"The database is at revision {revision or 'none: it is empty'}.")
        check_revision(engine)
    finally:
        engine.dispose()
