"""The migrations of this farm, run by Alembic."""

import threading
from importlib.resources import files

from alembic import command
from alembic.config import Config
from pydantic import SecretStr
from sqlalchemy import Connection

from farm.database import make_engine, write
from farm.schema.revisions import newest_revision
from farm.settings import Settings

#: Alembic keeps what it is doing in globals of the process.
_UPGRADING = threading.Lock()


def upgrade(source: Settings | SecretStr | str) -> str:
    """Bring the schema to the newest revision by the migrations of this farm; returns that revision.

    Safe to call from several processes and threads at once: the second waits, and finds nothing to do.
    """
    engine = make_engine(source)
    try:
        with write(engine) as connection:
            migrate(connection)
        return newest_revision()
    finally:
        engine.dispose()


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the schema to a revision that is not behind it, within the transaction of this connection."""
    config = alembic_config()
    config.attributes["connection"] = connection
    with _UPGRADING:
        command.upgrade(config, revision)


def alembic_config() -> Config:
    """Where Alembic finds the migrations."""
    config = Config()
    # '%' would be taken for an interpolation.
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    return config
