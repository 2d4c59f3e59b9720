"""Which revision the schema of a database has, and which one this farm needs. Every process asks as it starts.

Read without Alembic, which brings Mako and all of SQLAlchemy's dialects: 12 MB that nobody needs who does not migrate.
"""

from importlib.resources import files

from sqlalchemy import Engine, inspect, text

from farm.database import read
from farm.errors import FarmError


class WrongRevision(FarmError):
    """The database has another schema than this farm; run 'farm db upgrade' with the newest farm."""

    type = "wrong-revision"
    title = "Database schema does not fit"
    status = 503


def current_revision(engine: Engine) -> str | None:
    """The revision of the database's schema, which Alembic writes down; None for an empty database."""
    with read(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def known_revisions() -> list[str]:
    """All of this farm's migrations, the first one first: their files begin with the revision, 0001 and up."""
    names = (file.name for file in files("migrations.versions").iterdir())
    return sorted(name.partition("_")[0] for name in names if name.endswith(".py") and name[0].isdigit())


def newest_revision() -> str:
    """The last of this farm's migrations."""
    return known_revisions()[-1]


def check_revision(engine: Engine) -> None:
    """Raise WrongRevision unless the schema is the newest that this farm knows."""
    current, newest = current_revision(engine), newest_revision()
    if current is None:
        raise WrongRevision("The database is empty; run 'farm db upgrade' first.")
    if current != newest:
        raise WrongRevision(
            f"The database is at revision {current}, this farm needs {newest}. Run 'farm db upgrade'; if the "
            "database is newer than this farm, install the newest farm first."
        )
