"""A dashboard on a migrated database with two projects, and clients that speak for them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from pydantic import SecretStr
from sqlalchemy import Engine

from dashboard.app import create_app
from dashboard.live_updates import PUMP
from farm.accounts import create_key, create_project, create_user
from farm.broker import Broker
from farm.catalog import Catalog, load_catalog
from farm.clock import system_clock
from farm.connections import Connections
from farm.database import make_engine
from farm.progress import ProgressBoard
from farm.security import Role
from farm.settings import Settings
from farm.storage import Storage
from scheduler.fleet.catalog_sync import sync_catalog
from tests.dashboard.visiting import sign_in
from tests.servers import S3


@dataclass
class Tenant:
    """A project with a key and a user."""

    project_id: str
    user_id: str
    user_name: str
    password: str
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass
class House:
    """A dashboard, the farm behind it, and two tenants."""

    app: OpenAPI
    connections: Connections
    ours: Tenant
    theirs: Tenant

    @property
    def client(self) -> FlaskClient:
        """A fresh visitor without a key and without cookies."""
        return self.app.test_client()

    def get(self, path: str, who: Tenant | None = None, **options: Any) -> Any:
        return self.client.get(path, headers=(who or self.ours).headers, **options)

    def post(self, path: str, who: Tenant | None = None, **options: Any) -> Any:
        headers = {**(who or self.ours).headers, **options.pop("headers", {})}
        return self.client.post(path, headers=headers, **options)

    def submit(self, who: Tenant | None = None, **asked: Any) -> dict[str, Any]:
        """The job of a submission that is accepted."""
        request = {"model": "sana-demo", "prompt": "a red circle on a blue background", **asked}
        answer = self.post("/api/v1/jobs", who, json=request)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        job: dict[str, Any] = answer.json["job"]
        return job

    def renders(self, job_id: str, who: Tenant | None = None) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(f"/api/v1/jobs/{job_id}/renders", who).json["items"]
        return items


def make_settings(database_url: str, tmp_path: Path, **more: Any) -> Settings:
    """Settings of a farm without Redis and with an S3 that is never reached: links need no server."""
    values: dict[str, Any] = {
        "data_dir": tmp_path,
        "database_url": SecretStr(database_url),
        "s3_endpoint_url": "http://127.0.0.1:9",
        "s3_access_key_id": SecretStr("tests"),
        "s3_secret_access_key": SecretStr("the-secret-of-the-tests"),
        "secret_key": SecretStr("the-key-of-the-tests-which-is-long-enough"),
        "idle_poll_seconds": 0.05,
        **more,
    }
    return Settings.model_validate(values)


def make_tenant(engine: Engine, name: str, role: Role) -> Tenant:
    project_id = create_project(engine, name)
    password = f"the password of {name}"
    user_id = create_user(engine, project_id, f"{name}-user", role, password)
    key = create_key(engine, project_id, name="tests", user_id=user_id)
    return Tenant(project_id, user_id, f"{name}-user", password, key.secret)


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The built-in catalog, read once."""
    return load_catalog(make_settings("sqlite://", tmp_path_factory.mktemp("catalog")))


@dataclass(frozen=True)
class Furnished:
    """A database file with both tenants in it, to be copied."""

    path: Path
    ours: Tenant
    theirs: Tenant


@pytest.fixture(scope="session")
def furnished(migrated_sqlite: Path, catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Made once: hashing passwords is slow on purpose."""
    path = tmp_path_factory.mktemp("furnished") / "house.sqlite3"
    shutil.copy(migrated_sqlite, path)
    engine = make_engine(f"sqlite:///{path}")
    found = Furnished(path, *_furnish(engine, catalog))
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return found


@pytest.fixture
def make_connections(catalog: Catalog, tmp_path: Path) -> Iterator[Callable[..., Connections]]:
    """Makes connections to a database; more settings may be given."""
    opened: list[Connections] = []

    def make(database_url: str, **more: Any) -> Connections:
        settings = make_settings(database_url, tmp_path, **more)
        redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
        connections = Connections(
            settings=settings,
            catalog=catalog,
            engine=make_engine(settings),
            broker=Broker(settings),
            progress=ProgressBoard(redis_url),
            storage=Storage(settings),
        )
        opened.append(connections)
        return connections

    yield make
    for connections in opened:
        connections.close()


@pytest.fixture
def make_house(
    furnished: Furnished, make_connections: Callable[..., Connections], tmp_path: Path
) -> Iterator[Callable[..., House]]:
    """Makes a house on SQLite; more settings may be given."""
    houses: list[House] = []

    def make(**more: Any) -> House:
        path = tmp_path / "house.sqlite3"
        shutil.copy(furnished.path, path)
        houses.append(_house(make_connections(f"sqlite:///{path}", **more), furnished.ours, furnished.theirs))
        return houses[-1]

    yield make
    for house in houses:
        house.app.extensions[PUMP].close()


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house on SQLite, without Redis."""
    return make_house()


@pytest.fixture
def live_house(make_house: Callable[..., House], valkey_url: str, s3: S3) -> House:
    """A house on SQLite with Valkey and an S3 server."""
    return make_house(
        redis_url=SecretStr(valkey_url),
        s3_endpoint_url=s3.s3_endpoint_url,
        s3_access_key_id=s3.s3_access_key_id,
        s3_secret_access_key=s3.s3_secret_access_key,
    )


@pytest.fixture
def postgres_house(make_connections: Callable[..., Connections], database_url: str) -> House:
    """A house on PostgreSQL, without Redis; for a test with `database` set to it."""
    connections = make_connections(database_url)
    return _house(connections, *_furnish(connections.engine, connections.catalog))


def _furnish(engine: Engine, catalog: Catalog) -> tuple[Tenant, Tenant]:
    sync_catalog(engine, catalog, system_clock())
    return make_tenant(engine, "ours", Role.ADMIN), make_tenant(engine, "theirs", Role.ARTIST)


def _house(connections: Connections, ours: Tenant, theirs: Tenant) -> House:
    app = create_app(connections)
    app.testing = False  # errors become answers, as in production
    return House(app, connections, ours, theirs)


@pytest.fixture
def visitor(house: House) -> FlaskClient:
    return sign_in(house)
