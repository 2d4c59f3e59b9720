"""`farm dashboard` of a benchmark's own, and the farm behind it: a database, a project, no workers."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from farm.accounts import create_key, create_project
from farm.connections import Connections
from farm.local.ports import Ports
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from scheduler.fleet.catalog_sync import sync_catalog
from tests.waiting import eventually


@dataclass(frozen=True)
class BenchFarm:
    """A farm without workers: its dashboard's client, its connections, and the one project."""

    client: httpx.Client
    connections: Connections
    project_id: str


@contextmanager
def farm_with_dashboard(folder: Path, redis_url: str, database_url: str, **more: Any) -> Iterator[BenchFarm]:
    """A new farm on this database and Redis, with a dashboard of one process; `more` are settings."""
    settings = Settings(
        data_dir=folder,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        secret_key=SecretStr(secrets.token_hex()),
        dashboard_processes=1,
        **more,
    )
    upgrade(settings)
    with Connections.open(settings) as connections:
        sync_catalog(connections.engine, connections.catalog, connections.clock())
        project_id = create_project(connections.engine, "bench")
        key = create_key(connections.engine, project_id, name="bench").secret
        with own_dashboard(settings, key) as client:
            yield BenchFarm(client, connections, project_id)


@contextmanager
def own_dashboard(settings: Settings, key: str) -> Iterator[httpx.Client]:
    """A client of `farm dashboard`, which runs meanwhile."""
    port = Ports(settings.data_dir / "ports.json").take("dashboard")
    command = [sys.executable, "-m", "farm", "dashboard", "--port", str(port)]
    with (settings.data_dir / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **settings.to_variables()}, stdout=log, stderr=subprocess.STDOUT
        )
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, verify=False) as client:
            eventually(lambda: process.poll() is not None or _answers(client), timeout=240)
            yield client
    finally:
        process.kill()
        process.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
