"""Fixtures: a farm on each kind of database, and an empty database of the other kind."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.catalog import Catalog, load_catalog
from farm.connections import Connections
from farm.settings import Settings
from scheduler.fleet.catalog_sync import sync_catalog
from tests.databases import PostgresServer
from tests.farm.backup.farms_to_back_up import farm_on
from tests.scheduler.conftest import TestClock
from tests.servers import S3


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return load_catalog(Settings())


@pytest.fixture
def farm(database_url: str, tmp_path: Path, s3: S3, catalog: Catalog) -> Iterator[Connections]:
    with farm_on(database_url, tmp_path, s3, catalog, TestClock()) as opened:
        sync_catalog(opened.engine, catalog, opened.clock())
        yield opened


@pytest.fixture
def other_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without a schema, of the other kind."""
    if database == "postgresql":
        return f"sqlite:///{tmp_path}/other/farm.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"restored_{uuid.uuid4().hex}"
    server.execute(f"CREATE DATABASE {name}")
    return server.url(name)
