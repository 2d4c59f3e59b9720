"""What no way that we know leads to is put right all the same, and what merely waits is left alone."""

import pytest
from sqlalchemy import insert, update
from structlog.testing import capture_logs

from farm.connections import Connections
from farm.database import write
from farm.lifecycle import Outcome
from farm.tables import Flow, Intake, Job, Render
from scheduler.control.pause_job import pause_job
from scheduler.maintenance import repair_state
from scheduler.maintenance.repair_state import RepairState
from tests.scheduler.conftest import TestClock
from tests.scheduler.invariants import Snapshot, breaches
from tests.scheduler.jobs import claim_some, job_row, reap_lost, settle_as, statuses, submit_job


def spoil(connections: Connections, table: type[Job | Render | Flow], **columns: object) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(table).values(**columns))


def repair(connections: Connections, clock: TestClock, duty: RepairState | None = None) -> int:
    """A pass after a quiet while, of a new supervisor or of this one; every case must be in the log."""
    clock.forward(repair_state.QUIET_SECONDS + 1)
    with capture_logs() as lines:
        mended = (duty or RepairState()).one_pass(connections, clock())
    assert bool(mended) == any(line["log_level"] == "error" for line in lines)
    return mended


@pytest.mark.parametrize(
    "counters",
    [{"renders_done": 0}, {"renders_done": 5, "renders_failed": 1}, {"renders_total": 9}, {"renders_cancelled": 3}],
)
def test_counters_that_are_not_those_of_the_renders_are_put_right(
    connections: Connections, clock: TestClock, project: str, counters: dict[str, int]
) -> None:
    job = submit_job(connections, project, 5)
    settle_as(connections, claim_some(connections, 3), Outcome.DONE)
    spoil(connections, Job, **counters)

    assert repair(connections, clock) == 1

    assert breaches(Snapshot(connections.engine)) == []
    assert job_row(connections, job)["status"] == "open"
    assert repair(connections, clock) == 0


def test_an_open_job_with_nothing_left_ends(connections: Connections, clock: TestClock, project: str) -> None:
    job = submit_job(connections, project, 2)
    settle_as(connections, claim_some(connections), Outcome.DONE)
    spoil(connections, Job, status="open", finished_at=None)

    assert repair(connections, clock) == 1

    assert job_row(connections, job)["status"] == "done"
    assert breaches(Snapshot(connections.engine)) == []


def test_a_running_render_without_a_lease_is_taken_back(
    connections: Connections, clock: TestClock, project: str
) -> None:
    job = submit_job(connections, project, 2)
    claim_some(connections)
    spoil(connections, Render, lease_until=None)

    assert repair(connections, clock) == 2
    reap_lost(connections, clock)

    assert statuses(connections, job) == ["pending", "pending"]


def test_a_flow_that_forgot_to_compete_is_woken(connections: Connections, clock: TestClock, project: str) -> None:
    submit_job(connections, project, 1)
    spoil(connections, Flow, backlogged=False)
    assert claim_some(connections) == []

    assert repair(connections, clock) == 1

    assert len(claim_some(connections)) == 1


def test_what_is_held_for_nothing_is_released(connections: Connections, clock: TestClock, project: str) -> None:
    job = submit_job(connections, project, 3)
    pause_job(connections, job, project)
    assert repair(connections, clock) == 0, "it is paused"
    spoil(connections, Job, status="open")  # a resume that died before it released anything

    assert repair(connections, clock) == 3

    assert statuses(connections, job) == ["pending"] * 3


def test_what_waits_for_another_job_or_for_a_time_waits_on(
    connections: Connections, clock: TestClock, project: str
) -> None:
    first = submit_job(connections, project, 1)
    second = submit_job(connections, project, 1, after=[first])
    third = submit_job(connections, project, 1, not_before=9_999)

    assert repair(connections, clock) == 0

    assert (statuses(connections, second), statuses(connections, third)) == (["held"], ["held"])


def test_a_job_that_nobody_admits_any_more_is_sealed_but_a_stream_is_not(
    connections: Connections, clock: TestClock, project: str
) -> None:
    left, streaming = submit_job(connections, project, 2), submit_job(connections, project, 2)
    spoil(connections, Job, status="admitting")
    with write(connections.engine) as connection:
        connection.execute(
            insert(Intake).values(
                job_id=streaming, format="jsonl", defaults={}, header={}, rows=2, renders=2, bytes=1, updated_at=clock()
            )
        )
    assert repair(connections, clock) == 0, "somebody may be at it"

    clock.forward(connections.settings.intake_hours * 3600)
    assert repair(connections, clock) == 1

    assert [job_row(connections, job)["status"] for job in (left, streaming)] == ["open", "admitting"]


def test_all_jobs_have_their_turn(
    connections: Connections, clock: TestClock, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair_state, "JOBS_A_PASS", 2)
    for _ in range(5):
        submit_job(connections, project, 1)
    spoil(connections, Job, renders_total=7)

    duty = RepairState()
    assert [repair(connections, clock, duty) for _ in range(3)] == [2, 2, 1]
