"""A worker answers while it renders."""

from pathlib import Path

import psutil
import pytest
from sqlalchemy import select, update

from farm.broker import queue_name
from farm.database import read, write
from farm.tables import Worker
from tests.end_to_end.farms import RunningFarm, engine_of
from tests.waiting import eventually


def test_celery_ping_and_inspect_answer_while_the_worker_renders(farm: RunningFarm) -> None:
    job = farm.client.submit("sana-demo", "a red star on a white background", seed_count=16, num_inference_steps=50)
    farm.when_stepping(job.id)
    [worker] = farm.alive_workers("sana-demo-local")
    name = f"{worker.pool}.{worker.id[-8:]}@{worker.host}"

    inspect = farm.connections.broker.app.control.inspect(destination=[name], timeout=20)
    answer, queues = inspect.ping(), inspect.active_queues()

    assert [row.status for row in farm.renders(job.id)].count("running") > 0, "it rendered all the while"
    assert answer == {name: {"ok": "pong"}}
    assert [queue["name"] for queue in (queues or {})[name]] == ["render.sana-demo-local"]
    farm.client.cancel(job.id)


@pytest.mark.long
def test_a_queue_never_holds_more_rings_than_the_pool_has_workers(farm: RunningFarm) -> None:
    # Given a pool whose only worker is busy
    busy = farm.client.submit("sana-demo", "a blue square", seed_count=200, num_inference_steps=50)
    farm.when_stepping(busy.id)

    # When many jobs come
    jobs = [farm.client.submit("sana-demo", "a blue square", seed=seed) for seed in range(20)]

    # Then one ring waits for it (the dashboard rings beside its answers), and all jobs are done
    assert eventually(lambda: farm.connections.broker.waiting_rings("sana-demo-local")) == 1
    farm.client.cancel(busy.id)
    for job in jobs:
        farm.client.wait(job.id, timeout=600)


def test_every_pool_has_a_worker_that_listens_to_its_queue(farm: RunningFarm) -> None:
    wanted = {queue_name(pool) for pool in ("sana-demo-local", "sprint-demo-local", "wan-demo-local")}
    inspect = farm.connections.broker.app.control.inspect(timeout=5, limit=len(wanted))

    def served() -> set[str]:
        return {queue["name"] for queues in (inspect.active_queues() or {}).values() for queue in queues}

    eventually(lambda: wanted <= served())  # who is busy may answer too late once


def test_a_worker_that_is_told_to_drain_ends_by_itself_and_its_renders_come_out(farm: RunningFarm) -> None:
    job = farm.client.submit("sana-demo", "a green circle on a red background", seed_count=8, num_inference_steps=50)
    farm.when_stepping(job.id)
    [worker] = farm.alive_workers("sana-demo-local")

    with write(farm.connections.engine) as connection:
        connection.execute(update(Worker).where(Worker.id == worker.id).values(drain_asked_at=1.0))

    def status() -> str | None:
        with read(farm.connections.engine) as connection:
            return connection.scalar(select(Worker.status).where(Worker.id == worker.id))

    eventually(lambda: status() == "gone", timeout=120)
    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=8)
    assert {attempt.outcome for attempt in farm.attempts(job.id)} <= {"done", "returned"}
    assert {row.failures for row in farm.renders(job.id)} == {0}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what a process has loaded")
def test_only_the_engine_of_a_worker_loads_torch_so_that_its_parent_is_small_and_there_at_once(
    farm: RunningFarm,
) -> None:
    farm.submit_and_wait("sprint-demo", "a blue square")
    [worker] = farm.alive_workers("sprint-demo-local")
    children = psutil.Process(worker.pid).children(recursive=True)

    def has_torch(pid: int) -> bool:
        return "libtorch" in Path(f"/proc/{pid}/maps").read_text()

    assert has_torch(engine_of(worker.pid).pid)
    assert not any(has_torch(process.pid) for process in (worker, *children))
