"""What the tests of migrations share."""

from alembic import command
from sqlalchemy import Engine

from farm.database import write
from farm.schema.upgrade import alembic_config
from farm.tables.gallery import SEARCH

#: What each database searches prompts with is its own, and no table describes it.
WITHOUT_SEARCH = {"include_name": lambda name, kind, parents: not (name or "").startswith(SEARCH)}


def upgrade_to(engine: Engine, revision: str) -> None:
    """Bring the schema up to a revision, as a farm of that time did, in one transaction."""
    with write(engine) as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
