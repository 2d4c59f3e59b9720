"""Rows of renders into SQL by the thousand: COPY on PostgreSQL, one executemany on SQLite.

Measured for 10,000 renders with all indexes: COPY takes a third of the time of the driver's executemany, and what
SQLAlchemy does for each row (defaults, types, compiled parameters) would cost as much again.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, Connection, Dialect, insert
from sqlalchemy.exc import DBAPIError

from farm.tables import Render
from scheduler.admission.render_rows import Row

CHUNK = 1_000  # rows of a stream that are admitted at once
PART = 250  # rows in one statement: written down in a few milliseconds


def _as_json(document: object) -> str:
    return to_json(document).decode()


#: What COPY's text format escapes, and how.
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPECIAL = re.compile(r"[\\\n\r\t]")


def insert_renders(connection: Connection, rows: Sequence[Row]) -> None:
    """Insert rows of `renders` that all have the same columns.

    Raises:
        sqlalchemy.exc.DBAPIError: as for any other statement.
    """
    columns = _columns(rows)
    insert_all = _copy if connection.dialect.name == "postgresql" else _execute_many
    # The server takes in a part while the next one is written down.
    parts = (rows[start : start + PART] for start in range(0, len(rows), PART))
    insert_all(connection, columns, _one_by_one(connection.dialect, columns, parts))


def _one_by_one(dialect: Dialect, columns: Sequence[str], parts: Iterable[Sequence[Row]]) -> Iterator[list[list[Any]]]:
    for part in parts:
        yield _values(dialect, columns, part)
        time.sleep(0)  # beside an event loop others have their turn


def _execute_many(connection: Connection, columns: tuple[str, ...], parts: Iterable[list[list[Any]]]) -> None:
    statement = _insert(connection.dialect, columns)
    for values in parts:
        connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


@cache
def _insert(dialect: Dialect, columns: tuple[str, ...]) -> str:
    """Written down once for each set of columns: for a job of one render that takes longer than all else here."""
    return str(insert(Render).compile(dialect=dialect, column_keys=columns))


def _copy(connection: Connection, columns: tuple[str, ...], parts: Iterable[list[list[Any]]]) -> None:
    quote = connection.dialect.identifier_preparer.quote
    statement = f"COPY {Render.__tablename__} ({', '.join(map(quote, columns))}) FROM STDIN"
    errors: Any = connection.dialect.loaded_dbapi
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for values in parts:
                fields = map(_fields, values)
                copy.write("\n".join(map("\t".join, zip(*fields, strict=True))) + "\n")
    except errors.Error as error:
        raise DBAPIError.instance(statement, None, error, errors.Error, dialect=connection.dialect) from error


def _fields(values: list[Any]) -> list[str]:
    """The values of a column in COPY's text format."""
    if _all_equal(values):
        return [_field(values[0])] * len(values)
    return [_field(value) for value in values]


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value) if isinstance(value, str) else str(value)


def _columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """In the order of the table: those of the rows, and those that have a default."""
    defaults, given = _defaults(), rows[0]
    return tuple(column.name for column in Render.__table__.columns if column.name in given or column.name in defaults)


@cache
def _defaults() -> Row:
    return {
        column.name: column.default.arg
        for column in Render.__table__.columns
        if column.default is not None and column.default.is_scalar
    }


def _values(dialect: Dialect, columns: Sequence[str], rows: Sequence[Row]) -> list[list[Any]]:
    """The columns as the driver takes them."""
    defaults = _defaults()
    found = []
    for name in columns:
        values = [row[name] for row in rows] if name in rows[0] else [defaults[name]] * len(rows)
        kind = Render.__table__.columns[name].type
        # Text, not the driver's own object for JSON, which COPY would write down as Python shows it.
        convert = _as_json if isinstance(kind, JSON) else kind.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None and _all_equal(values):  # most columns of a job hold one value over and over
            values = [None if values[0] is None else convert(values[0])] * len(values)
        elif convert is not None:
            values = [None if value is None else convert(value) for value in values]
        found.append(values)
    return found


def _all_equal(values: list[Any]) -> bool:
    return bool(values[0] == values[-1] and values.count(values[0]) == len(values))
