"""What the tests of the scheduler share: a farm without processes, on each database, with a clock of their own."""

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, select

from farm.accounts import create_project
from farm.broker import Broker
from farm.catalog import Catalog, load_catalog
from farm.connections import Connections
from farm.database import make_engine, write
from farm.progress import ProgressBoard
from farm.settings import Settings
from farm.storage import Storage
from farm.tables import Base, Lane, Pool
from scheduler.dialects import insert_or_ignore
from scheduler.fleet.catalog_sync import sync_catalog

START = 1_800_000_000.0


class TestClock:
    """A clock that stands still until it is told to go on."""

    __test__ = False

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> float:
        self.now += seconds
        return self.now


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a farm on this test's database, without Redis."""
    return Settings(data_dir=tmp_path, database_url=SecretStr(database_url), worker_gone_seconds=60)


@cache
def built_in_catalog() -> Catalog:
    return load_catalog(Settings())


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The built-in catalog, read once."""
    return built_in_catalog()


@cache
def synced_copy(migrated_sqlite: Path) -> Path:
    """A SQLite file with the lanes and pools of the built-in catalog at START: to copy it is quicker than a sync."""
    path = migrated_sqlite.with_name("synced.sqlite3")
    shutil.copy(migrated_sqlite, path)
    engine = make_engine(f"sqlite:///{path}")
    sync_catalog(engine, built_in_catalog(), START)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@cache
def synced_rows(synced: Path) -> list[tuple[type[Base], list[dict[str, Any]]]]:
    """The same rows, for other databases: two statements write them, where a sync takes one or two for each."""
    engine = make_engine(f"sqlite:///{synced}")
    with engine.connect() as connection:
        found = [
            (table, [dict(row) for row in connection.execute(select(table.__table__)).mappings()])
            for table in (Lane, Pool)
        ]
    engine.dispose()
    return found


@pytest.fixture
def connections(settings: Settings, catalog: Catalog, clock: TestClock, migrated_sqlite: Path) -> Iterator[Connections]:
    """A farm on an empty database, with the lanes and pools of the built-in catalog."""
    url = make_url(settings.database_url.get_secret_value())
    copied = url.drivername == "sqlite" and catalog is built_in_catalog() and clock() == START
    if copied:
        shutil.copy(synced_copy(migrated_sqlite), str(url.database))
    with connect(settings, catalog, clock) as opened:
        if not copied:
            write_catalog(opened, migrated_sqlite)
        yield opened


def write_catalog(opened: Connections, migrated_sqlite: Path) -> None:
    """The lanes and pools of its catalog, where they are not there."""
    if opened.catalog is not built_in_catalog() or opened.clock() != START:
        sync_catalog(opened.engine, opened.catalog, opened.clock())
        return
    with write(opened.engine) as connection:
        for table, rows in synced_rows(synced_copy(migrated_sqlite)):
            connection.execute(insert_or_ignore(connection, table), rows)


@pytest.fixture
def ringing(
    settings: Settings, catalog: Catalog, clock: TestClock, migrated_sqlite: Path, valkey_url: str
) -> Iterator[Connections]:
    """The same, with a real Valkey: its rings can be heard."""
    with_valkey = settings.model_copy(update={"redis_url": SecretStr(valkey_url)})
    with connect(with_valkey, catalog, clock) as opened:
        write_catalog(opened, migrated_sqlite)
        yield opened


def connect(settings: Settings, catalog: Catalog, clock: TestClock) -> Connections:
    """What `Connections.open` gives, without reading the catalog again."""
    return Connections(
        settings=settings,
        catalog=catalog,
        engine=make_engine(settings),
        broker=Broker(settings),
        progress=ProgressBoard(settings.redis_url.get_secret_value() if settings.redis_url else None),
        storage=Storage(settings),
        clock=clock,
        steady=clock,
    )


@pytest.fixture
def project(connections: Connections) -> str:
    """The id of a project of weight 1."""
    return create_project(connections.engine, "tests", clock=connections.clock)


@pytest.fixture
def other_project(connections: Connections) -> str:
    """The id of another project of weight 1."""
    return create_project(connections.engine, "others", clock=connections.clock)
