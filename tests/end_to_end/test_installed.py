"""The farm as strangers install it: from the wheel, each extra alone, outside the repository."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from farm.accounts import ensure_first_project
from farm.connections import Connections
from farm.database import read
from farm.settings import load_settings
from farm.tables import Render
from tests.clean_environments import ROOT, CleanEnvironment
from tests.scheduler.jobs import submit_job
from tests.servers import S3
from tests.waiting import eventually

pytestmark = pytest.mark.long

#: Starts and stops the servers that come with the extra, as `farm up` does.
SERVERS = """
from pathlib import Path
from farm.local.folder import DataFolder
from farm.local.keys import ensure_keys
from farm.local.embedded_servers import embedded_servers
from farm.local.ports import Ports
from farm.local.processes import Processes
from farm.settings import load_settings

settings = load_settings()
folder = DataFolder(settings.data_dir)
processes = Processes(folder.logs, print)
found = embedded_servers(settings, folder, ensure_keys(folder.path / "k"), Ports(folder.path / "p"), postgres=True)
try:
    for server, _ in found:
        processes.start(server.program)
        processes.wait_ready([server.program.name])
        print("ready", server.program.name)
finally:
    processes.stop()
"""

Install = Callable[..., CleanEnvironment]


@pytest.fixture
def install(wheel: Path, tmp_path: Path) -> Install:
    """An environment with the wheel and these extras alone."""
    return lambda *extras: CleanEnvironment(tmp_path / "environment", wheel, extras)


@contextmanager
def running(command: list[str | Path], log: Path, variables: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process, outside the repository, until the test is over."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=variables, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_core_alone_runs_the_scheduler_and_the_doctor(install: Install, tmp_path: Path) -> None:
    here = install()
    variables, log = here.variables(tmp_path), tmp_path / "log"
    subprocess.run([here.bin / "farm", "db", "upgrade"], env=variables, cwd=tmp_path, check=True)
    with (
        running([here.bin / "farm", "scheduler"], log, variables) as process,
        closing(sqlite3.connect(tmp_path / "farm.sqlite3")) as database,
    ):
        eventually(
            lambda: process.poll() is not None or database.execute("SELECT count(*) FROM leases").fetchone()[0] == 1,
            timeout=240,
        )
        assert process.poll() is None, log.read_text()
        eventually(lambda: database.execute("SELECT count(*) FROM pools").fetchone()[0] > 0)
        asked = [here.bin / "farm", "doctor", "versions", "database", "processes"]
        told = subprocess.run(asked, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "A scheduler is at work." in told.stdout
    assert "Traceback" not in log.read_text()


def test_the_dashboards_extra_alone_serves_pages(install: Install, tmp_path: Path) -> None:
    here = install("dashboard")
    variables, log, port = here.variables(tmp_path), tmp_path / "log", free_port()
    subprocess.run([here.bin / "farm", "db", "upgrade"], env=variables, cwd=tmp_path, check=True)
    with running([here.bin / "farm", "dashboard", "--port", str(port)], log, variables) as process:

        def answer(path: str) -> httpx.Response | None:
            assert process.poll() is None, log.read_text()
            try:
                return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30)
            except httpx.TransportError:
                return None

        assert eventually(lambda: answer("/healthz"), timeout=600).text == "ok\n"
        assert eventually(lambda: answer("/readyz?parts=database")).status_code == 200
        assert "Sign in" in eventually(lambda: answer("/sign-in")).text


def test_the_embedded_servers_start_and_a_whole_farm_says_what_it_lacks(install: Install, tmp_path: Path) -> None:
    here = install("embedded")
    variables = here.variables(tmp_path / "data")
    script = [here.bin / "python", "-c", SERVERS]
    told = subprocess.run(script, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    ready = [line for line in told.stdout.splitlines() if line.startswith("ready")]
    assert ready == ["ready postgres", "ready valkey", "ready seaweed"], told.stdout + told.stderr

    up = subprocess.run(
        [here.bin / "farm", "up"], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert up.returncode == 2
    assert "dashboard, worker" in up.stderr
    assert "pip install 'latent-farm[all]'" in up.stderr


@pytest.mark.timeout(2400)
def test_the_workers_extra_alone_renders_a_picture(install: Install, s3: S3, valkey_url: str, tmp_path: Path) -> None:
    here = install("worker")
    variables = here.variables(tmp_path, **s3.environment, FARM_REDIS_URL=valkey_url)
    subprocess.run([here.bin / "farm", "db", "upgrade"], env=variables, cwd=tmp_path, check=True)
    settings = load_settings(variables={name: text for name, text in variables.items() if name.startswith("FARM_")})
    log = tmp_path / "log"
    worker: list[str | Path] = [here.bin / "farm", "worker", "--pool", "sana-demo-local"]
    with Connections.open(settings) as connections, running(worker, log, variables) as process:
        account = ensure_first_project(connections.engine)

        def status(job_id: str) -> str:
            assert process.poll() is None, log.read_text()
            with read(connections.engine) as connection:
                return str(connection.scalar(select(Render.status).where(Render.job_id == job_id)))

        from farm.clock import system_clock
        from scheduler.fleet.catalog_sync import sync_catalog

        sync_catalog(connections.engine, connections.catalog, system_clock())
        job_id = submit_job(connections, account.project_id, 1, num_inference_steps=4)
        eventually(lambda: status(job_id) in ("done", "failed"), timeout=600)
        assert status(job_id) == "done", log.read_text()


@pytest.mark.timeout(3600)
def test_pip_installs_all_of_it_and_the_demo_runs_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    # Python compiles what the demo imports; pip would compile all of torch, transformers and SciPy.
    pip = [environment / "bin/python", "-m", "pip", "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt"]
    subprocess.run([*pip, f"latent-farm[all] @ {wheel.as_uri()}"], cwd=tmp_path, check=True)

    variables = {name: value for name, value in os.environ.items() if not name.startswith(("FARM_", "PYTHON"))}
    variables |= {"FARM_DATA_DIR": str(tmp_path / "data"), "FARM_DASHBOARD_PORT": "0"}
    told = subprocess.run(
        [environment / "bin/farm", "demo", "--exit", "--pictures", "8", "--clips", "1"],
        env=variables,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "All done and right" in told.stdout + told.stderr
