"""What waited and what workers did is written down every half a minute, and forgotten after a while."""

from typing import Any

from sqlalchemy import select, update

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import WorkerStatus
from farm.tables import LaneSample, Worker, WorkerSample
from scheduler.fleet.worker_registry import sign_off
from scheduler.maintenance import record_samples
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import LANE, claim_some, sign_on, submit_job


def samples(connections: Connections, table: Any) -> list[Any]:
    with read(connections.engine) as connection:
        return list(connection.execute(select(table.__table__).order_by(table.at)))


def test_a_pass_writes_what_waits_in_each_lane_and_what_each_worker_does(
    connections: Connections, clock: TestClock, project: str
) -> None:
    busy, quarantined, draining, silent, gone = (sign_on(connections) for _ in range(5))
    submit_job(connections, project, 5)
    claim_some(connections, 2, busy)
    clock.forward(10)
    with write(connections.engine) as connection:
        for worker, values in {
            busy: {"status": WorkerStatus.RENDERING, "leased": 2, "renders_done": 7},
            quarantined: {"quarantined_at": 1.0},
            draining: {"drain_asked_at": 1.0},
            silent: {"heartbeat_at": clock() - 1000},
        }.items():
            connection.execute(update(Worker).where(Worker.id == worker).values(values))
    sign_off(connections.engine, gone, now=clock())

    assert record_samples.one_pass(connections, clock()) == 0

    lanes = {row.lane: row for row in samples(connections, LaneSample)}
    assert (lanes[LANE].pending, lanes[LANE].running, lanes[LANE].oldest_wait_seconds) == (3, 2, 10.0)
    assert lanes["wan-demo@fp32"].pending == 0
    told = {row.worker_id: (row.status, row.leased, row.renders_done) for row in samples(connections, WorkerSample)}
    assert told == {
        busy: ("rendering", 2, 7),
        quarantined: ("quarantined", 0, 0),
        draining: ("draining", 0, 0),
        silent: ("silent", 0, 0),
    }


def test_two_supervisors_at_once_write_one_sample(connections: Connections, clock: TestClock) -> None:
    sign_on(connections)
    record_samples.one_pass(connections, clock())
    record_samples.one_pass(connections, clock())
    record_samples.one_pass(connections, clock.forward(1))
    assert len(samples(connections, WorkerSample)) == 1
    record_samples.one_pass(connections, clock.forward(30))
    assert len(samples(connections, WorkerSample)) == 2


def test_old_samples_go(connections: Connections, clock: TestClock) -> None:
    sign_on(connections)
    record_samples.one_pass(connections, clock())
    record_samples.one_pass(connections, clock.forward(record_samples.WORKERS_KEPT_SECONDS + 1))
    assert len(samples(connections, WorkerSample)) == 1
    assert len({row.at for row in samples(connections, LaneSample)}) == 2
    record_samples.one_pass(connections, clock.forward(record_samples.LANES_KEPT_SECONDS + 1))
    assert len({row.at for row in samples(connections, LaneSample)}) == 1
