"""A render that kills its workers, one after the other, does not do so for ever; its neighbours come out."""

from farm.connections import Connections
from farm.lifecycle import Outcome, Phase, WorkerStatus
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.fleet.worker_registry import WorkerReport, beat
from scheduler.leases.extend import Held, set_phase
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import (
    LEASE_SECONDS,
    assert_invariants_hold,
    attempt_rows,
    claim_some,
    reap_lost,
    render_rows,
    settle_as,
    sign_on,
    submit_job,
)


def lose_a_worker(
    connections: Connections, clock: TestClock, phase: Phase | None = Phase.STEPPING, *, beats: bool = True
) -> list[ClaimedRender]:
    """A new worker claims all that it may, gets as far as `phase`, and is never heard of again."""
    worker = sign_on(connections)
    clock.forward(1)
    claimed = claim_some(connections, worker_id=worker)
    clock.forward(1)
    if beats:
        beat(connections.engine, WorkerReport(worker, WorkerStatus.RENDERING), now=clock())
    if phase is not None:
        set_phase(connections.engine, [Held(render.id, render.attempt) for render in claimed], phase)
    clock.forward(LEASE_SECONDS + 1)
    reap_lost(connections, clock)
    return claimed


def test_two_lost_workers_are_nobodys_fault(connections: Connections, clock: TestClock, project: str) -> None:
    job = submit_job(connections, project, 4)
    for _ in range(2):
        assert len(lose_a_worker(connections, clock)) == 4

    assert {(row["failures"], row["batch_limit"]) for row in render_rows(connections, job)} == {(0, None)}
    assert {row["outcome"] for row in attempt_rows(connections, job)} == {"lost"}


def test_what_was_lost_with_a_third_worker_renders_in_half_the_batch_then_alone_then_fails(
    connections: Connections, clock: TestClock, project: str
) -> None:
    job = submit_job(connections, project, 4)
    sizes = [len(lose_a_worker(connections, clock)) for _ in range(4)]
    assert sizes == [4, 4, 4, 2], "the third loss halves the batch"
    killer = {row["id"] for row in render_rows(connections, job) if row["failures"] == 2}
    assert {row["batch_limit"] for row in render_rows(connections, job) if row["id"] in killer} == {1}

    # Every worker that takes one of them alone is lost too; the others are done as soon as they are apart.
    [guilty, *innocent] = sorted(killer)
    for _ in range(40):
        worker = sign_on(connections)
        claimed = claim_some(connections, worker_id=worker)
        if not claimed:
            break
        if guilty in {render.id for render in claimed}:
            set_phase(connections.engine, [Held(render.id, render.attempt) for render in claimed], Phase.STEPPING)
            clock.forward(LEASE_SECONDS + 1)
            reap_lost(connections, clock)
        else:
            settle_as(connections, claimed, Outcome.DONE)

    rows = {row["id"]: row for row in render_rows(connections, job)}
    assert rows[guilty]["status"] == "failed"
    assert "worker was lost" in rows[guilty]["reason"]
    assert {row["status"] for id, row in rows.items() if id != guilty} == {"done"}
    assert innocent
    assert_invariants_hold(connections, job)


def test_a_render_that_only_waited_is_never_suspected(connections: Connections, clock: TestClock, project: str) -> None:
    job = submit_job(connections, project, 2)
    for phase in (Phase.CLAIMED, Phase.FINISHING, Phase.PARKED) * 3:
        lose_a_worker(connections, clock, phase)

    assert {(row["status"], row["failures"]) for row in render_rows(connections, job)} == {("pending", 0)}


def test_a_render_that_kills_before_its_worker_can_say_that_it_began_is_suspected(
    connections: Connections, clock: TestClock, project: str
) -> None:
    job = submit_job(connections, project, 1)
    for _ in range(5):
        lose_a_worker(connections, clock, phase=None, beats=False)

    [row] = render_rows(connections, job)
    assert (row["status"], row["failures"]) == ("failed", 3)
    assert [attempt["outcome"] for attempt in attempt_rows(connections, job)] == ["lost", "lost", *["failed"] * 3]
    assert_invariants_hold(connections, job)


def test_one_worker_that_is_lost_again_and_again_is_not_several(
    connections: Connections, clock: TestClock, project: str
) -> None:
    job = submit_job(connections, project, 1)
    worker = sign_on(connections)
    for _ in range(6):
        [render] = claim_some(connections, worker_id=worker)
        set_phase(connections.engine, [Held(render.id, render.attempt)], Phase.STEPPING)
        clock.forward(LEASE_SECONDS + 1)
        reap_lost(connections, clock)

    assert [row["failures"] for row in render_rows(connections, job)] == [0]
