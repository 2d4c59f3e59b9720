"""What a worker counts while somebody reads: its batches and waits, what its engine says, and the storage."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from pydantic import SecretStr

from farm.accounts import create_project
from farm.clock import system_clock
from farm.connections import Connections
from farm.errors import StorageDown
from farm.lifecycle import Outcome
from farm.metrics.call_timings import watch_storage
from farm.metrics.exposition import expose
from farm.metrics.process_metrics import OF_EVERY_PROCESS, OF_WORKERS
from farm.metrics.prometheus import PrometheusRecorder
from farm.storage import Storage
from scheduler.control.cancel import cancel_job
from scheduler.fleet.worker_registry import sign_on
from tests.scheduler.conftest import TestClock, catalog, clock, connect
from tests.scheduler.jobs import POOL, submit_job
from tests.servers import S3
from tests.waiting import eventually
from tests.workers.agent.test_engine_feeder import connections
from tests.workers.agent.test_worker import settings
from tests.workers.scripted import ScriptedWorker
from workers.agent.worker import Worker
from workers.protocol import Measured

__all__ = ["catalog", "clock", "connect", "connections", "settings"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def metrics(connections: Connections) -> PrometheusRecorder:
    recorder = PrometheusRecorder([*OF_EVERY_PROCESS, *OF_WORKERS], {"pool": POOL})
    connections.metrics = recorder
    return recorder


def values(metrics: PrometheusRecorder) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels, in the order of their names, without that of the pool."""
    found = {}
    for family in parse(expose(metrics.registry, "")[0].decode()):
        for sample in family.samples:
            labels = {name: value for name, value in sorted(sample.labels.items()) if name != "pool"}
            found[sample.name, *labels.values()] = sample.value
    return found


@pytest.fixture
def worker(connections: Connections, metrics: PrometheusRecorder) -> Iterator[Worker]:
    made = Worker(connections, POOL)
    sign_on(connections.engine, worker_id=made.id, pool=POOL, model="m", host="h", pid=1, now=connections.clock())
    yield made
    shutil.rmtree(made._spool)


def test_what_was_never_seen_is_nought_and_not_missing(metrics: PrometheusRecorder) -> None:
    found = values(metrics)
    for name in ("farm_engine_deaths_total", "farm_revoked_renders_total", "farm_pass_seconds_count"):
        assert found[name,] == 0


def test_batches_waits_and_outcomes_are_counted(
    connections: Connections, clock: TestClock, metrics: PrometheusRecorder
) -> None:
    worker = ScriptedWorker(connections, POOL, "01a20936-152b-75ce-80a1-dcf6f4b2b4a5")
    project = create_project(connections.engine, "ada", clock=connections.clock)
    submit_job(connections, project, 3)
    clock.forward(40.0)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.settler.end(worker.held_renders.in_engine(), Outcome.RETURNED, "as the test says")
    found = values(metrics)
    assert found["farm_render_wait_seconds_sum", "normal"] == 3 * 40.0
    assert found["farm_render_wait_seconds_bucket", "normal", "15.0"] == 0
    assert found["farm_batch_fill_ratio_count",] == 1
    assert found["farm_attempts_total", "returned"] == 3


def test_what_the_engine_says_is_added_up_over_all_its_lives(worker: Worker, metrics: PrometheusRecorder) -> None:
    worker._on_message(Measured([(4, 0.2), (1, 0.1)], 3, 1, {"allocated": 5_000_000_000}))
    worker._on_engine_exit("The engine process was killed by signal 9.")
    worker._on_message(Measured([(2, 0.1)], 1, 0, {"allocated": 4_000_000_000}))
    found = values(metrics)
    assert found["farm_pass_seconds_sum",] == pytest.approx(0.4)
    assert (found["farm_pass_renders_count",], found["farm_pass_renders_sum",]) == (3, 7)
    assert (found["farm_embeddings_total", "hit"], found["farm_embeddings_total", "miss"]) == (4, 1)
    assert found["farm_engine_memory_bytes", "allocated"] == 4e9
    assert found["farm_engine_deaths_total",] == 1


def test_revoked_leases_are_counted_with_the_beat(
    connections: Connections, worker: Worker, metrics: PrometheusRecorder
) -> None:
    project = create_project(connections.engine, "ada", clock=connections.clock)
    job = submit_job(connections, project, 2)
    worker._feeder._claims.claim()
    worker._heartbeat._beat()
    assert values(metrics)["farm_held_renders",] == 2
    cancel_job(connections, job, project)
    worker._heartbeat._beat()
    found = values(metrics)
    assert (found["farm_revoked_renders_total",], found["farm_held_renders",]) == (2, 0)


def test_calls_to_the_storage_are_timed_and_refusals_counted(
    connections: Connections, metrics: PrometheusRecorder, s3: S3, storage: Storage
) -> None:
    for secret, works in ((s3.s3_secret_access_key, True), (SecretStr("another-secret"), False)):
        opened = Storage(replace(s3, s3_secret_access_key=secret), clock=system_clock)
        opened.on_connect = lambda client: watch_storage(client, metrics)
        if works:
            opened.put("a", b"bytes", "text/plain")
        else:
            with pytest.raises(StorageDown):
                opened.put("a", b"bytes", "text/plain")
        opened.close()
    away = Storage(replace(s3, s3_endpoint_url="http://127.0.0.1:9"), clock=system_clock)
    away.on_connect = lambda client: watch_storage(client, metrics)
    with pytest.raises(StorageDown):
        away.delete(["a"])
    found = values(metrics)
    assert found["farm_storage_request_seconds_count", "PutObject"] == 2
    assert found["farm_storage_errors_total", "PutObject"] == 1
    assert found["farm_storage_errors_total", "DeleteObjects"] == 1
