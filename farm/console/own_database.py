"""What commands share that speak to the farm's own database, not to its API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Engine

from farm import accounts
from farm.database import make_engine
from farm.errors import NotFound
from farm.schema.revisions import check_revision
from farm.settings import Settings, load_settings


@contextmanager
def database() -> Iterator[tuple[Settings, Engine]]:
    """The settings and the database that they name. Raises WrongRevision."""
    settings = load_settings()
    engine = make_engine(settings)
    try:
        check_revision(engine)
        yield settings, engine
    finally:
        engine.dispose()


def project_id(engine: Engine, name: str) -> str:
    """The id of the project of this name. Raises NotFound."""
    found = accounts.find_project(engine, name)
    if found is None:
        raise NotFound(f"There is no project named {name!r}; make one with `farm projects create`.")
    return found


def user_id(engine: Engine, name: str) -> str:
    """The id of the user of this name. Raises NotFound."""
    found = accounts.find_user(engine, name)
    if found is None:
        raise NotFound(f"There is no user named {name!r}; make one with `farm users create`.")
    return found


def day(seconds: float) -> str:
    """A day, in UTC, such as 2026-11-23."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
