"""Insert unless it is there: the one statement that SQLite and PostgreSQL share under different names."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from farm.tables import Base


def insert_or_ignore(connection: Connection, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """`INSERT … ON CONFLICT DO NOTHING`: with RETURNING, no row says that there is such a row already.

    On PostgreSQL it waits for another transaction that is inserting the same row.
    """
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement: postgresql.Insert | sqlite.Insert = dialect.insert(table).on_conflict_do_nothing()
    return statement
