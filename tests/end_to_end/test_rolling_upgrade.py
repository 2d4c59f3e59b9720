"""From the version before to this one in the order of docs/production.md, or side by side, in the middle of a job."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, select

from farm.client import FarmClient
from farm.database import make_engine, read
from farm.lifecycle import Outcome, WorkerStatus
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Attempt, Render, Worker
from tests.released import neighbour, released
from tests.servers import S3
from tests.waiting import eventually

__all__ = ["neighbour", "released"]
pytestmark = pytest.mark.long

POOL, MODEL = "sana-demo-local", "sana-demo"


class Version:
    """One version of the farm: runs its commands, and its processes beside those of the other."""

    def __init__(self, name: str, code: Path, folder: Path, settings: Mapping[str, str]) -> None:
        self._name = name
        self._folder = folder
        self._environment = {**os.environ, **settings, "PYTHONPATH": str(code)}

    def says(self, *arguments: str) -> str:
        """What a command prints."""
        run = subprocess.run(
            [sys.executable, "-m", "farm", *arguments],
            env=self._environment, cwd=self._folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        return run.stdout.strip()

    @contextmanager
    def running(self, *arguments: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A process, until the end of the test."""
        with (self._folder / f"{self._name}-{arguments[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "farm", *arguments],
                env=self._environment | settings, cwd=self._folder, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@pytest.fixture
def settings(empty_database_url: str, valkey_url: str, s3: S3, tmp_path: Path) -> dict[str, str]:
    return {
        **s3.environment,
        "FARM_DATA_DIR": str(tmp_path / "data"),
        "FARM_DATABASE_URL": empty_database_url,
        "FARM_REDIS_URL": valkey_url,
        "FARM_SECRET_KEY": "the-secret-of-the-tests-and-of-nobody-else",
        "FARM_LEASE_SECONDS": "6",
        "FARM_HEARTBEAT_SECONDS": "1",
        "FARM_IDLE_POLL_SECONDS": "0.5",
        "FARM_SUPERVISE_SECONDS": "0.5",
        "FARM_WORKER_GONE_SECONDS": "10",
        "FARM_DRAIN_SECONDS": "2",
    }


@pytest.fixture
def engine(empty_database_url: str) -> Iterator[Engine]:
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_work_in_flight_is_done_once_when_the_version_before_is_replaced_by_this_one(
    released: Path, settings: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    # Given a farm of the version before, in the middle of a job
    old = Version("old", released, tmp_path, settings)
    new = Version("new", Path(__file__).parents[2], tmp_path, settings)
    old.says("db", "upgrade")
    old.says("projects", "create", "studio")
    key = old.says("keys", "create", "mine")
    url, port = _address()
    with old.running("worker", "--pool", POOL) as old_worker:
        with old.running("scheduler"), old.running("dashboard", FARM_DASHBOARD_PORT=port):
            eventually(lambda: _answers(url))
            begun = _submit(url, key, seed_count=64, num_inference_steps=30)
            eventually(lambda: 0 < _count(engine, begun, "done") < 64)
        assert old_worker.poll() is None
    by_old = _count(engine, begun, "done")
    assert 0 < by_old < 64

    # When all of it has ended, the schema is migrated and this version is started
    new.says("db", "upgrade")
    with (
        new.running("scheduler"),
        new.running("worker", "--pool", POOL),
        new.running("dashboard", FARM_DASHBOARD_PORT=port),
    ):
        eventually(lambda: _answers(url))
        with FarmClient(url, key) as client:
            added = client.submit(MODEL, "a blue star", seed_count=4, num_inference_steps=4)
            # Then what was begun and what came later is done, each render by one attempt with one output
            for job in (begun, added.id):
                assert client.wait(job, timeout=600).status == "done"
        assert _done_once(engine, begun) == 64
        assert _done_once(engine, added.id) == 4


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # what more than one machine has
def test_processes_of_both_versions_share_the_work_on_the_migrated_schema(
    neighbour: Path, settings: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    # Given a farm of a version whose processes may stay, in the middle of a job, in a pool that nobody scales
    settings["FARM_CATALOG__POOLS__SANA_DEMO_LOCAL__SCALING"] = "null"
    old = Version("old", neighbour, tmp_path, settings)
    new = Version("new", Path(__file__).parents[2], tmp_path, settings)
    old.says("db", "upgrade")
    old.says("projects", "create", "studio")
    key = old.says("keys", "create", "mine")
    old_url, old_port = _address()
    new_url, new_port = _address()
    with ExitStack() as new_processes, ExitStack() as old_processes:
        old_processes.enter_context(old.running("scheduler"))
        old_processes.enter_context(old.running("worker", "--pool", POOL))
        old_processes.enter_context(old.running("dashboard", FARM_DASHBOARD_PORT=old_port))
        eventually(lambda: _answers(old_url))
        jobs = [_submit(old_url, key, seed_count=48, num_inference_steps=20)]
        eventually(lambda: 0 < _count(engine, jobs[0], "done") < 48)

        # When the schema is migrated under it, and this version is started beside it
        new.says("db", "upgrade")
        new_processes.enter_context(new.running("dashboard", FARM_DASHBOARD_PORT=new_port))
        new_processes.enter_context(new.running("worker", "--pool", POOL))
        new_processes.enter_context(new.running("scheduler"))
        eventually(lambda: _answers(new_url))
        eventually(lambda: _ready_workers(engine) == 2)

        # Then each dashboard takes jobs and shows the other's, and workers of both versions render the same job
        for url in (new_url, old_url) * 5:
            jobs.append(_submit(url, key, seed_count=16, num_inference_steps=8))
            eventually(lambda job=jobs[-1]: _count(engine, job, "done") == 16)
            if shared := url == old_url and any(len(_workers_of(engine, job)) == 2 for job in jobs):
                break
        assert shared
        for url in (old_url, new_url):
            assert [_total(url, key, job) for job in jobs] == [48, *[16] * (len(jobs) - 1)]

        # And when the old ones have drained, this version does the rest
        jobs.append(_submit(old_url, key, seed_count=16, num_inference_steps=20))
        old_processes.close()
        with FarmClient(new_url, key) as client:
            for job in jobs:
                assert client.wait(job, timeout=600).status == "done"
    assert [_done_once(engine, job) for job in jobs] == [48, *[16] * (len(jobs) - 1)]
    for log in tmp_path.glob("*.log"):
        said = log.read_text()
        assert not [line for line in said.splitlines() if "Traceback" in line or "[error" in line], log.name


def _address() -> tuple[str, str]:
    """Of a dashboard: its URL, and the port alone."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    return f"http://127.0.0.1:{port}", str(port)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _submit(url: str, key: str, **fields: Any) -> str:
    """By HTTP and no client: the address and this body are what versions have in common."""
    answer = httpx.post(
        f"{url}/api/v1/jobs",
        json={"model": MODEL, "prompt": "a red circle", **fields},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.is_success, answer.text
    return str(answer.json()["job"]["id"])


def _total(url: str, key: str, job_id: str) -> int:
    answer = httpx.get(
        f"{url}/api/v1/jobs/{job_id}", headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
    )
    assert answer.is_success, answer.text
    return int(answer.json()["total"])


def _ready_workers(engine: Engine) -> int:
    at_work = [WorkerStatus.IDLE, WorkerStatus.RENDERING]
    with read(engine) as connection:
        return len(connection.scalars(select(Worker.id).where(Worker.status.in_(at_work))).all())


def _workers_of(engine: Engine, job_id: str) -> set[str]:
    """Who has done some of the job."""
    done = select(Attempt.worker_id).join(Render, Render.id == Attempt.render_id)
    with read(engine) as connection:
        return set(connection.scalars(done.where(Render.job_id == job_id, Attempt.outcome == Outcome.DONE)))


def _count(engine: Engine, job_id: str, status: str) -> int:
    with read(engine) as connection:  # by columns that no version calls otherwise
        return len(connection.scalars(select(Render.id).where(Render.job_id == job_id, Render.status == status)).all())


def _done_once(engine: Engine, job_id: str) -> int:
    """How many renders are done, after a look that each has one attempt that ended well, and one output of that."""
    with read(engine) as connection:
        renders = connection.execute(
            select(Render.id, Render.attempt).where(Render.job_id == job_id, Render.status == "done")
        ).all()
        ours = select(Render.id).where(Render.job_id == job_id)
        ended_well = connection.execute(
            select(Attempt.render_id, Attempt.number).where(
                Attempt.render_id.in_(ours), Attempt.outcome == Outcome.DONE
            )
        ).all()
        outputs = connection.execute(
            select(Artifact.render_id, Artifact.attempt).where(
                Artifact.render_id.in_(ours), Artifact.kind == ArtifactKind.OUTPUT
            )
        ).all()
    assert sorted(map(tuple, ended_well)) == sorted(map(tuple, renders)) == sorted(map(tuple, outputs))
    return len(renders)
