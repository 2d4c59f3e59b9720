"""A dashboard on a migrated database with two projects, and clients that speak for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from pydantic import SecretStr
from sqlalchemy import Engine

from dashboard.app import create_app
from farm.accounts import create_key, create_project, create_user
from farm.connections import Connections
from farm.security import Role
from farm.settings import Settings
from scheduler.admission import sync_catalog


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
    sent: list[Any] = field(default_factory=list)

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


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes a house on a database; more settings may be given."""
    opened: list[Connections] = []

    def make(database_url: str, **more: Any) -> House:
        connections = Connections.open(make_settings(database_url, tmp_path, **more))
        opened.append(connections)
        sync_catalog(connections.engine, connections.catalog, connections.clock())
        app = create_app(connections)
        app.testing = False  # errors become answers, as in production
        ours = make_tenant(connections.engine, "ours", Role.OPERATOR)
        theirs = make_tenant(connections.engine, "theirs", Role.ARTIST)
        return House(app, connections, ours, theirs)

    yield make
    for connections in opened:
        connections.close()


@pytest.fixture
def house(make_house: Callable[..., House], migrated_sqlite: Path, tmp_path: Path) -> House:
    """A house on SQLite, without Redis."""
    path = tmp_path / "house.sqlite3"
    path.write_bytes(migrated_sqlite.read_bytes())
    return make_house(f"sqlite:///{path}")
