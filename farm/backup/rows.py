"""Rows of every table as lines of JSON, and back: the same lines from SQLite and from PostgreSQL.

A backup may be older than the farm that reads it: its rows go into the schema that they were written from, and the
migrations bring both to the newest.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Connection, MetaData, Table, Uuid, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError, StatementError
from sqlalchemy.types import TypeEngine

from farm.errors import UnusableFile
from farm.tables import Base

#: Rows in one statement, and rows that are read at once.
CHUNK = 500
VERSION_TABLE = "alembic_version"
#: Unlike the tables' own, it writes None as SQL's NULL and not as the JSON value null.
_DOCUMENT = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def row_lines(connection: Connection, table: Table) -> Iterator[bytes]:
    """Every row of a table as a line of JSON, in the order of its primary key."""
    rows = connection.execute(
        select(table).order_by(*table.primary_key), execution_options={"yield_per": CHUNK}
    ).mappings()
    for row in rows:
        yield json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def last_numbers(connection: Connection) -> dict[str, int]:
    """Of tables that are numbered, the last number that was given: its row may be gone, and others remember it."""
    return {table.name: number for table in _numbered() if (number := _last_number(connection, table))}


def tables_of(connection: Connection) -> list[Table]:
    """The tables that this database has, those that others refer to first."""
    metadata = MetaData()
    metadata.reflect(connection)
    apart = {VERSION_TABLE, *_search_indexes(connection)}
    return [table for table in metadata.sorted_tables if table.name not in apart]


def _search_indexes(connection: Connection) -> list[str]:
    """SQLite's virtual tables and those behind them: what they hold, triggers write from the rows of the others."""
    if connection.dialect.name != "sqlite":
        return []
    tables = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    virtual = [name for name, sql in tables if (sql or "").startswith("CREATE VIRTUAL TABLE")]
    return [name for name, _ in tables if any(name == index or name.startswith(f"{index}_") for index in virtual)]


def filled(connection: Connection, tables: Iterable[Table]) -> list[str]:
    """The names of those that have rows."""
    one = select(sa.literal(1)).limit(1)
    return [table.name for table in tables if connection.execute(one.select_from(table)).first()]


def insert_rows(connection: Connection, table: Table, lines: Iterable[bytes]) -> int:
    """Insert the rows of one table of this database; returns how many. Raises UnusableFile when one does not fit."""
    target = _as_it_is(table)
    inserted, waiting = 0, iter(lines)
    while some := list(islice(waiting, CHUNK)):
        try:
            connection.execute(insert(target), [_row(table, line) for line in some])
        except StatementError as error:
            if isinstance(error, OperationalError):  # of the database, not of the row
                raise
            reason = str(error.orig).strip().partition("\n")[0]
            raise UnusableFile(f"A row of {table.name} does not fit into this database: {reason}.") from error
        except (OverflowError, UnicodeError) as error:  # the driver's own, before it asks the database
            raise UnusableFile(f"A row of {table.name} does not fit into this database: {error}.") from error
        inserted += len(some)
    return inserted


def _row(table: Table, line: bytes) -> dict[str, Any]:
    """The values by column. Raises UnusableFile when the line is no row of this table."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnusableFile(f"A row of {table.name} is no JSON: {error}.") from error
    if not isinstance(row, dict) or row.keys() - table.columns.keys():
        raise UnusableFile(f"A row of {table.name} has other columns than this table.")
    return row


def go_on_counting(connection: Connection, table: str, number: int) -> None:
    """Let the next number of a table be higher than this one."""
    if connection.dialect.name == "postgresql":
        statement = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :number)")
        connection.execute(statement, {"table": table, "number": number})
        return
    values = {"table": table, "number": number}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), values)
    connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"), values)


def _numbered() -> Iterator[Table]:
    return (table for table in Base.metadata.sorted_tables if table.autoincrement_column is not None)


def _last_number(connection: Connection, table: Table) -> int | None:
    if connection.dialect.name == "postgresql":
        statement = "SELECT pg_sequence_last_value(pg_get_serial_sequence(:table, 'id')::regclass)"
    else:
        statement = "SELECT seq FROM sqlite_sequence WHERE name = :table"
    found: int | None = connection.scalar(text(statement), {"table": table.name})
    return found


def _as_it_is(found: Table) -> Any:
    """A table of the database with the types by which its values become those of JSON lines, and back."""
    known = Base.metadata.tables.get(found.name)
    columns = []
    for column in found.columns:
        described = known.columns.get(column.name) if known is not None else None
        columns.append(sa.column(column.name, _type(column.type if described is None else described.type)))
    return sa.table(found.name, *columns)


def _type(found: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(found, JSON):
        return _DOCUMENT
    if isinstance(found, sa.CHAR) and found.length == 32:  # how SQLite keeps a UUID
        return Uuid(as_uuid=False)
    return Uuid(as_uuid=False) if isinstance(found, Uuid) else found
