"""SQLite beside an event loop: its statements run in threads of their own.

The server runs all requests in one thread, as greenlets. psycopg waits together with them, but a SQLite statement
holds the thread until it is done, and one that waits for the write lock would hold every open page for as long.
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from gevent import get_hub
from sqlalchemy import Engine, event


def use_threads(engine: Engine) -> None:
    """From now on the connections of this engine leave the event loop free; other databases than SQLite already do."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "do_connect", _with_factory)


def _with_factory(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
    # One connection is used by one greenlet at a time, but its statements may run in any of the threads.
    parameters.update(factory=_Connection, check_same_thread=False)


def _beside(call: Callable[..., Any], *args: Any) -> Any:
    """Call it in a thread. What it raises is raised here: the pool would write a traceback of it into the log first."""
    made, error = get_hub().threadpool.apply(_outcome, (call, args))
    if error is not None:
        raise error
    return made


def _outcome(call: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, sqlite3.Error | None]:
    try:
        return call(*args), None
    except sqlite3.Error as error:
        return None, error


class _Cursor(sqlite3.Cursor):
    def execute(self, *args: Any) -> "_Cursor":
        if args == ("BEGIN",) or args == ("BEGIN", ()):  # of a reader: it takes no lock, and reads nothing yet
            return super().execute(*args)
        _beside(super().execute, *args)
        return self

    def executemany(self, *args: Any) -> "_Cursor":
        _beside(super().executemany, *args)
        return self

    def fetchall(self) -> list[Any]:
        rows: list[Any] = _beside(super().fetchall)
        return rows


class _Connection(sqlite3.Connection):
    def cursor(self, *_: Any) -> _Cursor:  # type: ignore[override]
        return super().cursor(_Cursor)

    def execute(self, *args: Any) -> _Cursor:
        return self.cursor().execute(*args)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> _Cursor:
        return self.cursor().executemany(sql, rows)

    def commit(self) -> None:
        if self.in_transaction:
            _beside(super().commit)

    def rollback(self) -> None:
        if self.in_transaction:
            _beside(super().rollback)
