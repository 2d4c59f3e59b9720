"""A worker that fails where others succeed claims nothing until somebody has looked at it."""

from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, NotFound
from farm.ids import new_id
from farm.lifecycle import Outcome, WorkerStatus
from farm.tables import Worker
from scheduler.fleet.quarantine import release
from scheduler.fleet.worker_registry import Health, WorkerReport, beat
from scheduler.leases.settle import Settlement, settle
from scheduler.maintenance import quarantine_workers
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import claim_some, settle_as, sign_on, submit_job


def tell(connections: Connections, worker: str, **health: int) -> None:
    details = {"health": asdict(Health(**health))}
    beat(connections.engine, WorkerReport(worker, WorkerStatus.IDLE, details=details), now=connections.clock())


def fails(connections: Connections, worker: str, batches: int, *, done_by: str | None) -> None:
    """So many batches fail on a worker; with `done_by` that one renders them all afterwards."""
    for _ in range(batches):
        claimed = claim_some(connections, 2, worker)
        settle(
            connections.engine,
            [Settlement(render.id, render.attempt, Outcome.FAILED, "no") for render in claimed],
            connections.clock(),
            max_failures=9,
        )
        while done_by and (again := claim_some(connections, 8, done_by)):
            settle_as(connections, again, Outcome.DONE)


def worker_row(connections: Connections, worker: str) -> Any:
    with read(connections.engine) as connection:
        return connection.execute(select(Worker.__table__).where(Worker.id == worker)).one()


def test_who_fails_three_batches_that_another_rendered_claims_nothing_any_more(
    connections: Connections, clock: TestClock, project: str
) -> None:
    sick, well = sign_on(connections), sign_on(connections)
    for _ in range(3):
        submit_job(connections, project, 2)
        fails(connections, sick, 1, done_by=well)
    tell(connections, sick, recent_failed=6)
    tell(connections, well, recent_done=6)

    assert quarantine_workers.one_pass(connections, clock()) == 1
    assert quarantine_workers.one_pass(connections, clock()) == 0

    row = worker_row(connections, sick)
    assert row.quarantined_at == clock()
    assert "fails where others succeed: 3 of its batches" in row.quarantine_reason
    assert worker_row(connections, well).quarantined_at is None
    assert beat(connections.engine, WorkerReport(sick), now=clock()).quarantined == row.quarantine_reason


@pytest.mark.parametrize(
    ("batches", "elsewhere", "health"),
    [
        (2, True, Health(recent_failed=6)),  # once or twice is what a render does that kills its neighbours
        (3, False, Health(recent_failed=6)),  # nobody else has rendered them: it may be the renders
        (3, True, Health(recent_failed=6, recent_done=14)),  # it mostly does well
    ],
)
def test_who_may_be_innocent_goes_on(
    connections: Connections, clock: TestClock, project: str, batches: int, elsewhere: bool, health: Health
) -> None:
    sick, well = sign_on(connections), sign_on(connections)
    for _ in range(batches):
        submit_job(connections, project, 2)
        fails(connections, sick, 1, done_by=well if elsewhere else None)
    tell(connections, sick, **asdict(health))

    assert quarantine_workers.one_pass(connections, clock()) == 0


def test_what_failed_long_ago_does_not_count(connections: Connections, clock: TestClock, project: str) -> None:
    sick, well = sign_on(connections), sign_on(connections)
    for _ in range(3):
        submit_job(connections, project, 2)
        fails(connections, sick, 1, done_by=well)
    clock.forward(quarantine_workers.WINDOW_SECONDS + 1)
    tell(connections, sick, recent_failed=6)

    assert quarantine_workers.one_pass(connections, clock()) == 0


def test_a_released_worker_claims_again_and_old_failures_do_not_put_it_back(
    connections: Connections, clock: TestClock, project: str
) -> None:
    sick, well = sign_on(connections), sign_on(connections)
    for _ in range(3):
        submit_job(connections, project, 2)
        fails(connections, sick, 1, done_by=well)
    tell(connections, sick, recent_failed=6)
    quarantine_workers.one_pass(connections, clock())

    clock.forward(1)
    release(connections, sick, clock())

    assert quarantine_workers.one_pass(connections, clock()) == 0
    assert beat(connections.engine, WorkerReport(sick), now=clock()).quarantined is None
    with pytest.raises(Conflict, match="not quarantined"):
        release(connections, sick, clock())
    for nobody in (new_id(), "nobody"):
        with pytest.raises(NotFound):
            release(connections, nobody, clock())


def test_a_worker_whose_engine_dies_at_every_start_says_so_until_it_starts(
    connections: Connections, clock: TestClock
) -> None:
    worker = sign_on(connections)
    tell(connections, worker, failed_starts=3)
    with write(connections.engine) as connection:
        connection.execute(update(Worker).values(last_error="There is no model at /nowhere."))

    assert quarantine_workers.one_pass(connections, clock()) == 1
    reason = worker_row(connections, worker).quarantine_reason
    assert reason == "Its engine cannot start: 3 times in a row: There is no model at /nowhere."

    tell(connections, worker, failed_starts=0)
    assert quarantine_workers.one_pass(connections, clock()) == 1
    assert worker_row(connections, worker).quarantined_at is None
