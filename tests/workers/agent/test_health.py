"""`farm worker health`, as a health check of a container asks it: in words and by its exit code."""

import os
import socket

from sqlalchemy import Engine, update
from typer.testing import CliRunner, Result

from farm.catalog import load_catalog
from farm.cli import build_app
from farm.clock import system_clock
from farm.database import write
from farm.ids import new_id
from farm.settings import Settings
from farm.tables import Worker
from scheduler.fleet import worker_registry
from scheduler.fleet.catalog_sync import sync_catalog

POOL = "sana-demo-local"
GONE = 2**22 + 1  # above the highest pid of Linux


def health(database_url: str, *arguments: str) -> Result:
    return CliRunner().invoke(
        build_app(), ["worker", "health", *arguments], env={"FARM_DATABASE_URL": database_url, "COLUMNS": "200"}
    )


def sign_on(engine: Engine, host: str, pid: int, age: float = 0.0) -> None:
    now, catalog = system_clock(), load_catalog(Settings())
    sync_catalog(engine, catalog, now)
    worker = {"worker_id": new_id(), "pool": POOL, "model": catalog.pool(POOL).model, "host": host, "pid": pid}
    worker_registry.sign_on(engine, **worker, now=now)
    with write(engine) as connection:
        connection.execute(
            update(Worker).where(Worker.id == worker["worker_id"]).values(heartbeat_at=system_clock() - age)
        )


def test_a_worker_that_sends_heartbeats_is_healthy_and_others_are_not(engine: Engine, database_url: str) -> None:
    nobody = health(database_url)
    assert (nobody.exit_code, nobody.stdout.strip()) == (1, f"No worker runs on {socket.gethostname()}.")
    sign_on(engine, "another-machine", os.getpid())
    sign_on(engine, socket.gethostname(), GONE)
    assert health(database_url).exit_code == 1
    sign_on(engine, socket.gethostname(), os.getpid(), age=30)
    well = health(database_url)
    assert well.exit_code == 0, well.output
    assert "The last heartbeat is 3" in well.stdout
    assert health(database_url, "--pool", "wan-demo-local").exit_code == 1
    silent = health(database_url, "--seconds", "10", "--json")
    assert silent.exit_code == 1
    assert '"heartbeat_seconds": 3' in silent.stdout


def test_where_the_database_cannot_be_asked_nobody_can_say() -> None:
    answer = health("postgresql://farm@127.0.0.1:9/farm")
    assert answer.exit_code == 3, answer.output
    assert "The database does not answer" in answer.stdout


def test_a_worker_still_needs_a_pool() -> None:
    answer = CliRunner().invoke(build_app(), ["worker"], env={"COLUMNS": "200"})
    assert answer.exit_code == 2
    assert "name the pool that it serves" in answer.output
