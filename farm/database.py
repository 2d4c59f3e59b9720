"""The job database: SQLite in WAL mode or PostgreSQL through psycopg 3, behind the same few functions.

All SQL runs inside :func:`read` or :func:`write`, a single question also in :func:`autocommit`. On SQLite a write
begins IMMEDIATE: it waits for the one write lock at its start instead of failing in its middle. On PostgreSQL both are
READ COMMITTED transactions.

Nothing lives longer in the server's session than a transaction: no SET but SET LOCAL, only locks of a transaction, no
LISTEN, no temporary tables, and behind a pooler no prepared statements. So one in transaction mode may stand between.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import stamina
from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from farm.errors import Fault, SettingsError
from farm.settings import Settings
from farm.tls_trust import distrusted

#: How long a SQLite write waits for the lock before it fails with "database is locked", in seconds.
BUSY_SECONDS = 30.0
#: By this name the farm's sessions are known in `pg_stat_activity`, to people and to the duty that ends lost ones.
APPLICATION_NAME = "latent-farm"
CA_SETTING = "FARM_DATABASE_CA_FILE"


def make_engine(
    source: Settings | SecretStr | str, *, connections: int = 5, connect_seconds: int | None = None
) -> Engine:
    """An engine for these settings or this URL; nothing is contacted yet.

    `connections` is how many are kept open for reuse; as many again may be opened in a rush.
    `connect_seconds` (2 at the least) is how long a server may take until a new connection can be used.
    The folder of a SQLite file is made when it is missing.
    """
    url = _url_of(source)
    if url.get_backend_name() == "sqlite":
        return _make_sqlite_engine(url)
    ca_file = source.database_ca_file if isinstance(source, Settings) else None
    if connect_seconds is not None:
        url = url.update_query_dict({"connect_timeout": str(connect_seconds)})
    # The ping before reuse costs 0.1 ms and hides a restart of the server.
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=connections,
        pool_pre_ping=True,
        connect_args=_name(url) | _trust(url, ca_file),
    )
    event.listen(engine, "connect", _notice_pooler)
    return engine


def write(engine: Engine) -> AbstractContextManager[Connection]:
    """A connection in a transaction that may write; committed at the end, rolled back by an exception."""
    return _transaction(engine, "BEGIN IMMEDIATE")


def read(engine: Engine) -> AbstractContextManager[Connection]:
    """A connection in a transaction that only reads: one consistent snapshot on SQLite."""
    return _transaction(engine, "BEGIN")


@contextmanager
def autocommit(engine: Engine) -> Iterator[Connection]:
    """A connection without a transaction, for few statements that only read and need no common snapshot: nothing is
    sent before and after them.

    Where most requests of a program ask for one row, beginning and ending took longer than the question.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that only reads, all of it as it was at one moment, however long it takes."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            _begin_sqlite(connection, "BEGIN")
            yield connection


@contextmanager
def _transaction(engine: Engine, on_sqlite: str) -> Iterator[Connection]:
    with engine.begin() as connection:
        _begin_sqlite(connection, on_sqlite)
        yield connection


def _begin_sqlite(connection: Connection, statement: str) -> None:
    """Its driver begins nothing by itself. Not as a listener of the engine's: with one, SQLAlchemy looks for listeners
    at every statement, which takes it a third longer.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement)


def trouble(error: SQLAlchemyError) -> str:
    """Why the database could not be used, for operators: a distrusted certificate, or the driver's own first line.

    SQLAlchemy's own message would bring the statement and its values.
    """
    cause = getattr(error, "orig", None)
    if cause is None:
        return type(error).__name__
    return distrusted(cause, CA_SETTING) or str(cause).strip().partition("\n")[0]


def _url_of(source: Settings | SecretStr | str) -> URL:
    if isinstance(source, Settings):
        source = source.database_url
    try:
        url = make_url(source.get_secret_value() if isinstance(source, SecretStr) else source)
    except (ArgumentError, ValueError):
        # Its own message has a part of the address, which may be of the password.
        raise SettingsError(
            [Fault("FARM_DATABASE_URL", "cannot be read: it is no postgresql://USER:PASSWORD@HOST:PORT/DATABASE")]
        ) from None
    # 'postgresql://' alone would mean psycopg 2.
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _name(url: URL) -> dict[str, str]:
    """How the server calls the farm's sessions; what the URL says itself holds."""
    return {} if "application_name" in url.query else {"application_name": APPLICATION_NAME}


def _trust(url: URL, ca_file: Path | None) -> dict[str, str]:
    """How libpq checks the server; what the URL says itself holds."""
    if ca_file is None:
        return {}
    asked = {"sslrootcert": str(ca_file), "sslmode": "verify-full"}
    return {name: value for name, value in asked.items() if name not in url.query}


def _notice_pooler(connection: Any, _: ConnectionPoolEntry) -> None:
    """Behind a pooler, have psycopg prepare nothing: the next transaction finds another session, without the statement.

    A pooler tells its clients a process id of its own, so that they can cancel; the server's differs. Without a pooler
    statements stay prepared, which makes a claim a third quicker.
    """
    [pid] = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()
    if pid != connection.info.backend_pid:
        connection.prepare_threshold = None


def _make_sqlite_engine(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: see _transaction
    # First of all: SQLite refuses it while a statement is open, as the last one may be in a thread of a dashboard.
    connection.create_function("lower", 1, _lower, deterministic=True)
    _write_ahead(connection)
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _lower(value: object) -> str | None:
    """In small letters, those of every script as PostgreSQL does it; SQLite by itself knows those of ASCII."""
    return None if value is None else str(value).lower()


@stamina.retry(
    on=lambda error: isinstance(error, sqlite3.OperationalError) and "locked" in str(error),
    attempts=None,
    timeout=BUSY_SECONDS,
    wait_initial=0.01,
    wait_max=0.2,
)
def _write_ahead(connection: Any) -> None:
    """WAL keeps commits without an fsync each; a power cut may lose the last of them, never corrupt.

    Of several who open a new file at once, SQLite (3.40) refuses all but the first instead of letting them wait.
    """
    connection.execute("PRAGMA journal_mode = WAL").fetchall()  # a row that nobody reads keeps the statement open
