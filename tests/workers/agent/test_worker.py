"""What a worker makes of what its engine says; no process is started."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import stamina
from pydantic import SecretStr
from sqlalchemy import select

from farm.accounts import create_project
from farm.clock import system_clock
from farm.connections import Connections
from farm.database import read
from farm.errors import StorageDown
from farm.lifecycle import Phase, WorkerStatus
from farm.settings import Settings
from farm.storage import Storage
from farm.tables import Worker as WorkerRow
from scheduler.fleet.worker_registry import sign_on
from scheduler.forecasts.queue_position import job_queue_position
from scheduler.forecasts.wait_reasons import job_reason
from scheduler.leases import extend
from tests.scheduler.conftest import TestClock, catalog, clock, connect
from tests.scheduler.jobs import POOL, attempt_rows, claim_some, render_rows, submit_job
from tests.servers import S3
from tests.waiting import eventually
from tests.workers.agent.test_engine_feeder import connections
from workers.agent.spool_folder import DISK_FULL, PAUSE_SECONDS
from workers.agent.worker import Worker
from workers.protocol import ParkedRenders, RenderFailed, RenderStep, ResumedRenders, Stepped

__all__ = ["catalog", "clock", "connect", "connections"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url)


@pytest.fixture
def worker(connections: Connections) -> Iterator[Worker]:
    made = Worker(connections, POOL)
    yield made
    shutil.rmtree(made._spool)


@pytest.fixture
def job(connections: Connections, worker: Worker) -> str:
    """Three renders of it are in the engine: one steps, one is parked after a step, one was only claimed."""
    job = submit_job(connections, create_project(connections.engine, "ada", clock=connections.clock), 3)
    renders = sorted(claim_some(connections, worker_id=worker.id), key=lambda render: render.index)
    worker._held_renders.take("batch", renders)
    worker._on_message(Stepped([RenderStep(one.id, one.attempt, Phase.STEPPING, 1, 20) for one in renders[:2]]))
    worker._on_message(ParkedRenders([renders[1].id]))
    return job


def tell_sql(connections: Connections, worker: Worker) -> None:
    """What every heartbeat does."""
    for phase, held in worker._held_renders.moved_since_last_asked().items():
        extend.set_phase(connections.engine, held, phase)


def test_sql_is_told_which_renders_are_parked_and_when_they_go_on(
    connections: Connections, worker: Worker, job: str
) -> None:
    tell_sql(connections, worker)
    rows = render_rows(connections, job)
    assert [row["phase"] for row in rows] == ["stepping", "parked", "claimed"]
    assert {row["status"] for row in rows} == {"running"}

    worker._on_message(ResumedRenders([rows[1]["id"]]))
    tell_sql(connections, worker)
    assert [row["phase"] for row in render_rows(connections, job)] == ["stepping", "stepping", "claimed"]


def test_a_full_disk_blames_nobody_is_told_and_holds_up_the_claims_until_it_is_tried_again(
    connections: Connections, worker: Worker, job: str, clock: TestClock
) -> None:
    rows = render_rows(connections, job)
    full = RenderFailed(rows[0]["id"], rows[0]["attempt"], "saving: no space", own_fault=False, disk_full=True)

    worker._on_message(full)

    again = render_rows(connections, job)[0]
    assert (again["status"], again["failures"]) == ("pending", 0)
    assert worker._heartbeat._report(connections.clock()).last_error == DISK_FULL
    assert worker._feeder._claims_nothing()
    clock.forward(PAUSE_SECONDS + 1)
    assert worker._heartbeat._report(connections.clock()).last_error is None
    assert not worker._feeder._claims_nothing()


def test_a_worker_whose_model_is_loaded_says_so_and_takes_what_waits_at_once(
    connections: Connections, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a worker that beats and polls rarely, and work that came, with its ring, while the model was loading,
    never = 3_600.0
    connections.settings = connections.settings.model_copy(
        update={"heartbeat_seconds": never, "idle_poll_seconds": never}
    )
    sign_on(connections.engine, worker_id=worker.id, pool=POOL, model="m", host="h", pid=1, now=connections.clock())
    looks = threading.Event()
    monkeypatch.setattr(worker._feeder, "work_until_empty", looks.set)
    poll = threading.Thread(target=worker._poll)
    worker._heartbeat.start()
    poll.start()
    eventually(lambda: said_by(connections, worker) == WorkerStatus.STARTING)
    assert not looks.is_set()
    # when the engine is ready,
    worker._link.ready.set()
    worker._on_engine_ready()
    # then both happen long before it is time for either.
    eventually(lambda: said_by(connections, worker) == WorkerStatus.IDLE)
    assert looks.wait(30)
    worker._drain()
    poll.join()
    worker._heartbeat.stop()


def said_by(connections: Connections, worker: Worker) -> str | None:
    """The status of the worker's last beat; None before its first."""
    with read(connections.engine) as connection:
        row = connection.execute(select(WorkerRow.status, WorkerRow.details).where(WorkerRow.id == worker.id)).one()
    return row.status if row.details else None


def test_when_the_engine_dies_only_who_was_in_a_pass_is_blamed(
    connections: Connections, worker: Worker, job: str
) -> None:
    worker._on_engine_exit("The engine process was killed by signal 9.")
    rows = render_rows(connections, job)
    assert [row["failures"] for row in rows] == [1, 0, 0]
    assert {row["status"] for row in rows} == {"pending"}
    assert sorted(row["outcome"] for row in attempt_rows(connections, job)) == ["failed", "returned", "returned"]


def test_what_a_worker_cannot_store_is_told_with_its_beat_and_by_why(
    connections: Connections, worker: Worker, job: str, s3: S3
) -> None:
    connections.storage = Storage(replace(s3, s3_secret_access_key=SecretStr("another-secret")), clock=system_clock)
    sign_on(connections.engine, worker_id=worker.id, pool=POOL, model="m", host="h", pid=1, now=connections.clock())
    with stamina.set_testing(True, attempts=1), pytest.raises(StorageDown):
        worker._storing.put("projects/a.png", b"", "image/png")

    worker._heartbeat._beat()

    with read(connections.engine) as connection:
        found = job_queue_position(connection, connections, job, connections.clock())
    assert found is not None
    assert found.forecast is None
    told = job_reason(found, connections.settings.class_shares, connections.clock())
    assert told.kind == "storage"
    assert "the object storage refuses to store files: SignatureDoesNotMatch" in told.sentence
