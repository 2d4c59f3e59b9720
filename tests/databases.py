"""Fixtures: a migrated database, on SQLite and on a real PostgreSQL that is started once per test session.

`tests/conftest.py` names this module in `pytest_plugins`. A test that asks for `database_url` or `engine`
runs twice, once on each; each time it finds the newest schema and no rows: a copied file on SQLite, emptied tables
on PostgreSQL (dropping a database there waits for a checkpoint, up to seconds). A test that changes the schema asks
for `empty_database_url`. Keep a test to one of them by
`@pytest.mark.parametrize("database", ["sqlite"], indirect=True)`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from farm.database import make_engine
from farm.ids import new_id
from farm.local.postgres import copy_programs, find_installation
from farm.schema.upgrade import upgrade
from farm.tables import Base

#: PostgreSQL refuses to run as root; then it runs as this user, who exists everywhere.
UNPRIVILEGED = "nobody"
_MIGRATED = "migrated"


@dataclass(frozen=True)
class PostgresServer:
    """A running server on a socket in a folder of its own; user farm, no password: for tests only."""

    socket_dir: Path
    port: int = 5432  # part of the socket's name

    def url(self, database: str) -> str:
        return f"postgresql://farm@/{database}?host={self.socket_dir}&port={self.port}"

    def execute(self, statement: str) -> None:
        """Run one statement outside a transaction, in the maintenance database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


class Emptying:
    """Takes all rows out of a migrated database, and throws out whoever a test has left connected.

    Over one connection that stays: a new one, and a TRUNCATE of tables mostly empty, cost more than most tests do.
    """

    _LARGE_BYTES = 1_000_000  # rows that were deleted still fill their pages

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        children_first = [table.name for table in reversed(Base.metadata.sorted_tables)]
        self._delete = " ".join(
            f"IF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;" for table in children_first
        )
        self._truncate = f"TRUNCATE {', '.join(children_first)};"

    def __call__(self) -> None:
        self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        large = "EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'i') AND oid >= 16384 AND"
        large += f" pg_relation_size(oid) > {self._LARGE_BYTES})"
        self._execute(f"DO $$ BEGIN IF {large} THEN {self._truncate} ELSE {self._delete} END IF; END $$")

    def close(self) -> None:
        self._connection.close()

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement)  # type: ignore[call-overload]


@contextmanager
def running_postgres(*options: str) -> Iterator[PostgresServer]:
    """A PostgreSQL from its wheel, on a Unix socket in a new folder; stopped and removed at the end.

    Each option is a setting: 'fsync=off'.
    """
    home = Path(tempfile.mkdtemp(prefix="farm-postgres-"))
    try:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        run_as: dict[str, Any] = {"cwd": "/"}
        data = home / "data"
        if user:
            home.chmod(0o711)
            data.mkdir(mode=0o700)
            shutil.chown(data, user)
            run_as |= {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        binaries = _binaries_for(user, home)
        locale = ["-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "farm", "-A", "trust", "-N", *locale],
            check=True,
            capture_output=True,
            **run_as,
        )
        log = home / "postgres.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    binaries / "postgres",
                    "-D",
                    data,
                    "-k",
                    data,
                    "-c",
                    "listen_addresses=",
                    *(f"-c{option}" for option in options),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                **run_as,
            )
        try:
            server = PostgresServer(data)
            _wait_until_ready(server, process, log)
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: what it would write down is thrown away
            process.wait(timeout=240)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The test session's PostgreSQL, with a migrated database in it."""
    # Nobody needs the rows after a crash of the machine.
    with running_postgres("fsync=off", "full_page_writes=off", "autovacuum_naptime=15s") as server:
        server.execute(f"CREATE DATABASE {_MIGRATED}")
        upgrade(server.url(_MIGRATED))
        yield server


@pytest.fixture(scope="session")
def _empty_migrated(postgres_server: PostgresServer) -> Iterator[Emptying]:
    emptying = Emptying(postgres_server.url(_MIGRATED))
    yield emptying
    emptying.close()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and no rows."""
    path = tmp_path_factory.mktemp("migrated") / "farm.sqlite3"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on."""
    return str(request.param)


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the newest schema and no rows, for this test alone."""
    if database == "sqlite":
        path = tmp_path / "farm.sqlite3"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite:///{path}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    request.getfixturevalue("_empty_migrated")()
    return server.url(_MIGRATED)


@pytest.fixture
def empty_database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a schema."""
    if database == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.sqlite3"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"empty_{new_id().replace('-', '')}"
    server.execute(f"CREATE DATABASE {name}")
    yield server.url(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a migrated database of this test's own."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def _binaries_for(user: str | None, home: Path) -> Path:
    """Where `user` can run the server: a virtual environment below /root is closed to others."""
    installed = find_installation()
    reachable = subprocess.run(["test", "-x", installed / "bin/postgres"], user=user, cwd="/", check=False)
    if reachable.returncode == 0:
        return installed / "bin"
    return copy_programs(installed, home / "programs")


def _wait_until_ready(server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.execute("SELECT 1")
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
