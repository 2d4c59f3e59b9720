"""A job of a million renders is cancelled within a second: nothing of it begins after that, and it ends by itself."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from farm.accounts import create_project
from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, InvalidRequest
from farm.ids import new_id
from farm.lifecycle import Outcome
from farm.tables import Project
from scheduler.claims.claimer import Claimer
from scheduler.claims.join_running_batch import join, waiting
from scheduler.control import end_jobs
from scheduler.control.cancel import cancel_filtered, cancel_job
from scheduler.control.change_priority_class import change_class
from scheduler.control.delete_job import delete_job, restore_job
from scheduler.control.filters import Found, RenderFilter
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.retry import retry_render
from scheduler.forecasts.queue_position import job_queue_position
from scheduler.forecasts.wait_reasons import job_reason
from scheduler.maintenance import end_marked_jobs, expire_jobs, release_held
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import (
    POOL,
    assert_invariants_hold,
    claim_some,
    job_row,
    render_rows,
    settle_as,
    statuses,
    submit_job,
)


@pytest.fixture(autouse=True)
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a job so large that nothing of it has ended when its time for the answer is over."""
    monkeypatch.setattr(end_jobs, "ANSWER_SECONDS", -1.0)


def end_all(connections: Connections) -> int:
    return end_marked_jobs.one_pass(connections, connections.clock())


def job_ids(claimed: list[object]) -> set[str]:
    return {render.job_id for render in claimed}  # type: ignore[attr-defined]


def test_a_cancelled_job_is_not_claimed_any_more_what_ran_is_taken_back_and_the_supervisor_ends_the_rest(
    connections: Connections, project: str
) -> None:
    job = submit_job(connections, project, 6)
    done, *running = claim_some(connections, 3)
    settle_as(connections, [done], Outcome.DONE)

    assert cancel_job(connections, job, project) == 5

    assert statuses(connections, job) == ["done", "cancelled", "cancelled", "pending", "pending", "pending"]
    assert settle_as(connections, running, Outcome.DONE).accepted == []
    assert claim_some(connections) == []
    assert end_all(connections) == 3
    row = job_row(connections, job)
    assert (row["status"], row["ending"], row["ending_reason"]) == ("partial", None, None)
    assert_invariants_hold(connections, job)
    assert end_all(connections) == 0


def test_others_of_the_same_project_are_claimed_meanwhile_also_those_that_stand_behind_it(
    connections: Connections, project: str
) -> None:
    before = submit_job(connections, project, 1)
    first, second = submit_job(connections, project, 5), submit_job(connections, project, 5)
    behind = submit_job(connections, project, 3)
    cancel_job(connections, first, project)
    cancel_job(connections, second, project)

    assert job_ids(claim_some(connections, 2)) == {before, behind}, "a head, and who fills its batch"
    assert len(claim_some(connections)) == 2
    assert claim_some(connections) == []

    end_all(connections)
    later = submit_job(connections, project, 1)
    assert job_ids(claim_some(connections)) == {later}
    for job in (before, first, second, behind):
        assert_invariants_hold(connections, job)


def test_nobody_joins_a_batch_from_it_and_nothing_is_parked_for_it(connections: Connections, project: str) -> None:
    job = submit_job(connections, project, 4, **{"class": "urgent"})
    [running] = claim_some(connections, 1)
    other = create_project(connections.engine, "other", clock=connections.clock)
    kept = submit_job(connections, other, 1, **{"class": "urgent"})
    claimer, now = Claimer(POOL, new_id(), 60.0), connections.clock()
    batch = {"batch_id": new_id(), "batch_key": running.batch_key, "slots": 8, "running": 1, "began": now, "now": now}

    cancel_job(connections, job, project)

    found = waiting(connections.engine, claimer, class_name="bulk", now=now)
    assert found is not None
    assert found.id == render_rows(connections, kept)[0]["id"]
    joined = join(connections.engine, claimer, **batch)  # type: ignore[arg-type]
    assert joined is not None
    assert {render.job_id for render in joined.renders} == {kept}
    assert waiting(connections.engine, claimer, class_name="bulk", now=now) is None


def test_until_it_has_ended_its_failed_renders_cannot_be_retried_and_everybody_is_told_why_it_waits(
    connections: Connections, project: str
) -> None:
    job = submit_job(connections, project, 3)
    [failed] = claim_some(connections, 1)
    settle_as(connections, [failed], Outcome.FAILED)
    assert statuses(connections, job) == ["failed", "pending", "pending"]
    cancel_job(connections, job, project)

    with pytest.raises(Conflict, match="is being ended"):
        retry_render(connections, failed.id, project)

    with read(connections.engine) as connection:
        position = job_queue_position(connection, connections, job, connections.clock())
    assert position is not None
    reason = job_reason(position, connections.settings.class_shares, connections.clock())
    assert (reason.kind, reason.facts) == ("ending", {"status": "cancelled"})
    assert position.forecast is None
    end_all(connections)
    retry_render(connections, failed.id, project)
    assert [render.id for render in claim_some(connections)] == [failed.id]


def test_until_it_has_ended_nothing_of_it_can_be_changed_or_deleted_and_it_counts_for_no_quota(
    connections: Connections, project: str
) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(Project).values(max_pending=3))
    job = submit_job(connections, project, 3)
    cancel_job(connections, job, project)

    again = submit_job(connections, project, 3)

    changes: list[Callable[[], object]] = [
        lambda: pause_job(connections, job, project),
        lambda: resume_job(connections, job, project),
        lambda: change_class(connections, job, "urgent", project),
        lambda: delete_job(connections, job, project, keep_seconds=60),
        lambda: restore_job(connections, job, project),
    ]
    for change in changes:
        with pytest.raises(Conflict, match="is being ended"):
            change()
    end_all(connections)
    delete_job(connections, job, project, keep_seconds=60)
    assert job_ids(claim_some(connections)) == {again}


def test_a_large_job_whose_deadline_has_passed_ends_in_the_same_way(
    connections: Connections, project: str, clock: TestClock
) -> None:
    job = submit_job(connections, project, 3, deadline=60)
    clock.forward(61)
    assert expire_jobs.one_pass(connections, clock()) == 3
    assert expire_jobs.one_pass(connections, clock()) == 0
    assert claim_some(connections) == []

    assert end_all(connections) == 3

    assert job_row(connections, job)["status"] == "expired"
    assert {row["reason"] for row in render_rows(connections, job)} == {"The deadline of its job has passed."}


def test_a_filter_of_whole_jobs_leaves_them_to_the_supervisor_and_one_of_renders_does_not(
    connections: Connections, project: str
) -> None:
    whole, part = submit_job(connections, project, 2), submit_job(connections, project, 2)

    found = cancel_filtered(connections, RenderFilter(project_id=project, job_ids=(whole,)))
    assert found == Found(jobs=1, renders=2, ending=1)
    found = cancel_filtered(connections, RenderFilter(project_id=project, job_ids=(part,), text="a"))
    assert found == Found(jobs=1, renders=2)

    assert statuses(connections, whole) == ["pending"] * 2
    assert job_row(connections, whole)["ending"] == "cancelled"
    assert job_row(connections, part)["ending"] is None
    for dry_run in (True, False):  # what is being ended already is not found again
        assert cancel_filtered(connections, RenderFilter(project_id=project, model="sana-demo"), dry_run=dry_run) == (
            Found(jobs=0, renders=0)
        )


def test_a_job_waits_for_none_that_is_being_ended_unless_it_runs_nevertheless(
    connections: Connections, project: str
) -> None:
    job = submit_job(connections, project, 3)
    cancel_job(connections, job, project)

    with pytest.raises(InvalidRequest) as refused:
        submit_job(connections, project, 1, after=[job])
    nevertheless = submit_job(connections, project, 1, after=[job], after_failure="run")

    assert [fault.field for fault in refused.value.faults] == ["/after/0"]
    assert "is being ended (cancelled)" in str(refused.value.faults[0].message)
    end_all(connections)
    release_held.one_pass(connections, connections.clock())
    assert job_ids(claim_some(connections)) == {nevertheless}


def test_a_pass_of_the_supervisor_ends_after_its_time_and_the_next_one_goes_on(
    connections: Connections, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_job(connections, project, 2_500)
    cancel_job(connections, job, project)
    times = iter(range(100))
    monkeypatch.setattr(connections, "steady", lambda: next(times))  # each question takes a second
    monkeypatch.setattr(end_marked_jobs, "PASS_SECONDS", 1.0)

    assert [end_all(connections) for _ in range(4)] == [1_000, 1_000, 500, 0]

    assert job_row(connections, job)["status"] == "cancelled"
    assert_invariants_hold(connections, job)
