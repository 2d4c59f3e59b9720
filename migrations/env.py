"""How Alembic reaches the database: through the connection that `farm.schema.upgrade` opened."""

from alembic import context
from sqlalchemy import text

from farm.tables import Base

#: Of `pg_advisory_xact_lock`: any number, always the same ('farm' as ASCII).
_LOCK = 0x6661726D

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # Two processes that upgrade at once: the second waits here. SQLite has its write lock.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite cannot alter a column: Alembic copies the table instead.
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
# The caller's transaction holds all migrations: all of them happen, or none.
context.run_migrations()
