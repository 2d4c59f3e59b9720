"""What a worker hears with the answer to its beat, and whom the rings count."""

from sqlalchemy import update

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import WorkerStatus
from farm.tables import Worker
from scheduler.fleet.wake_workers import ring_targets
from scheduler.fleet.worker_registry import Orders, WorkerReport, beat, workers_alive
from tests.scheduler.conftest import START, TestClock
from tests.scheduler.jobs import LANE, POOL, sign_on


def mark(connections: Connections, worker_id: str, **columns: object) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(Worker).where(Worker.id == worker_id).values(**columns))


def test_a_beat_says_what_is_held_and_hears_nothing_to_do(connections: Connections, clock: TestClock) -> None:
    worker = sign_on(connections)

    orders = beat(
        connections.engine, WorkerReport(worker, WorkerStatus.RENDERING, leased=3, busy_until=9.0), now=clock()
    )

    assert orders == Orders(drain=False, quarantined=None)
    with read(connections.engine) as connection:
        row = connection.execute(Worker.__table__.select().where(Worker.id == worker)).one()
    assert (row.leased, row.busy_until, row.status) == (3, 9.0, "rendering")


def test_who_is_told_to_drain_hears_it_with_every_beat(connections: Connections, clock: TestClock) -> None:
    worker = sign_on(connections)
    mark(connections, worker, drain_asked_at=START)

    assert [beat(connections.engine, WorkerReport(worker), now=clock()).drain for _ in range(2)] == [True, True]


def test_a_quarantined_worker_hears_why(connections: Connections, clock: TestClock) -> None:
    worker = sign_on(connections)
    mark(connections, worker, quarantined_at=START, quarantine_reason="It fails where others succeed.")

    assert beat(connections.engine, WorkerReport(worker), now=clock()).quarantined == "It fails where others succeed."


def test_a_worker_that_nobody_knows_hears_nothing(connections: Connections, clock: TestClock) -> None:
    assert beat(connections.engine, WorkerReport("01a20936-152b-75ce-80a1-dcf6f4b2b4a5"), now=clock()) == Orders()


def test_rings_count_only_workers_that_may_claim(connections: Connections, clock: TestClock) -> None:
    free, sick, leaving = (sign_on(connections) for _ in range(3))
    mark(connections, sick, quarantined_at=START)
    mark(connections, leaving, drain_asked_at=START)

    with read(connections.engine) as connection:
        [target] = ring_targets(connection, LANE, START - 60)

    assert free
    assert target.workers == 1
    assert workers_alive(connections.engine, POOL, since=START - 60) == 1
