"""Where SQLite and PostgreSQL differ: how a row is inserted unless it is there, and how a transaction is prepared."""

from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects import postgresql, sqlite

from farm.tables import Base

#: For this transaction only, so that a pooler between us and the server may mix them. Plans made while the table
#: was empty scan all of it later: 393 ms a claim with 400,000 rows instead of 0.4. A claim that a crash of the server
#: forgets is a lease that nobody took: the worker's own word is void, another claims again.
_POSTGRES = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_sort', 'off', true), set_config('synchronous_commit', 'off', true)"
)


def prepare(connection: Connection) -> None:
    """Plans by index, and a commit that does not wait for the disk, for this transaction; nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(_POSTGRES)


def insert_or_ignore(connection: Connection, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """`INSERT … ON CONFLICT DO NOTHING`: with RETURNING, no row says that there is such a row already.

    On PostgreSQL it waits for another transaction that is inserting the same row.
    """
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement: postgresql.Insert | sqlite.Insert = dialect.insert(table).on_conflict_do_nothing()
    return statement
