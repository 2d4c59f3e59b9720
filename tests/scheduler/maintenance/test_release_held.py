"""not_before, after and deadline: what may not run yet is held, what nobody wants any more expires."""

from typing import Any

import pytest
from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.errors import InvalidRequest
from farm.lifecycle import Outcome
from farm.tables import Dependency
from scheduler.control.cancel import cancel_job
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.retry import retry_render
from scheduler.maintenance import expire_jobs, release_held
from tests.scheduler.conftest import START, TestClock
from tests.scheduler.jobs import (
    assert_invariants_hold,
    attempt_rows,
    claim_some,
    events,
    job_row,
    render_rows,
    settle_as,
    statuses,
    submit_job,
)


def promote(connections: Connections) -> int:
    return release_held.one_pass(connections, connections.clock())


def unresolved(connections: Connections) -> int:
    with read(connections.engine) as connection:
        return len(connection.execute(select(Dependency).where(Dependency.resolved_at.is_(None))).all())


def finish(connections: Connections, outcome: Outcome = Outcome.DONE) -> None:
    """All that may run ends so."""
    while held := claim_some(connections):
        settle_as(connections, held, outcome)


class TestNotBefore:
    def test_nothing_runs_before_its_time_and_all_at_its_time(
        self, connections: Connections, project: str, clock: TestClock
    ) -> None:
        job = submit_job(connections, project, 3, not_before=60)
        assert claim_some(connections) == []
        clock.forward(59.9)
        assert promote(connections) == 0

        clock.forward(0.2)
        assert promote(connections) == 3

        assert len(claim_some(connections)) == 3
        assert [kind for _, kind, _ in events(connections, job)] == ["submitted", "released"]
        assert_invariants_hold(connections, job)

    def test_a_large_job_is_released_in_chunks(self, connections: Connections, project: str, clock: TestClock) -> None:
        job = submit_job(connections, project, 2_500, not_before=1)
        clock.forward(2)

        assert promote(connections) == 2_500

        chunks = [len(indexes) for _, kind, indexes in events(connections, job) if kind == "released"]
        assert chunks == [1_000, 1_000, 500]

    def test_a_paused_job_stays_held_when_its_time_comes_until_it_is_resumed(
        self, connections: Connections, project: str, clock: TestClock
    ) -> None:
        job = submit_job(connections, project, 3, not_before=60)
        pause_job(connections, job, project)
        clock.forward(61)
        promote(connections)
        assert statuses(connections, job) == ["held"] * 3
        assert promote(connections) == 0  # and is not looked at again

        assert resume_job(connections, job, project) == 3
        assert len(claim_some(connections)) == 3

    def test_resuming_before_its_time_keeps_it_held(
        self, connections: Connections, project: str, clock: TestClock
    ) -> None:
        job = submit_job(connections, project, 3, not_before=60)
        pause_job(connections, job, project)

        assert resume_job(connections, job, project) == 0
        assert statuses(connections, job) == ["held"] * 3
        clock.forward(61)
        assert promote(connections) == 3

    def test_a_time_that_has_come_holds_nothing(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1, not_before="2020-01-01T00:00:00Z")
        assert len(claim_some(connections)) == 1


class TestAfter:
    def test_a_job_runs_when_all_that_it_waits_for_are_done(self, connections: Connections, project: str) -> None:
        first, second = submit_job(connections, project, 2), submit_job(connections, project, 1)
        third = submit_job(connections, project, 2, after=[first, second])
        finish_one = claim_some(connections, 2)
        settle_as(connections, finish_one, Outcome.DONE)
        assert promote(connections) == 0
        assert statuses(connections, third) == ["held", "held"]

        finish(connections)
        assert promote(connections) == 2

        assert unresolved(connections) == 0
        assert len(claim_some(connections)) == 2
        assert_invariants_hold(connections, third)

    @pytest.mark.parametrize("failure", ["failed", "cancelled"])
    def test_a_job_is_cancelled_with_the_reason_when_one_fails(
        self, connections: Connections, project: str, failure: str
    ) -> None:
        first = submit_job(connections, project, 1)
        second = submit_job(connections, project, 1)
        third = submit_job(connections, project, 2, after=[first, second])
        if failure == "failed":
            settle_as(connections, claim_some(connections, 1), Outcome.FAILED)
        else:
            cancel_job(connections, first, project)

        promote(connections)

        assert job_row(connections, third)["status"] == "cancelled"
        (reason,) = {row["reason"] for row in render_rows(connections, third)}
        assert first in reason
        assert failure in reason
        assert unresolved(connections) == 0
        assert_invariants_hold(connections, third)

    def test_it_runs_nevertheless_when_it_was_asked_to(self, connections: Connections, project: str) -> None:
        first = submit_job(connections, project, 1)
        second = submit_job(connections, project, 2, after=[first], after_failure="run")
        cancel_job(connections, first, project)

        assert promote(connections) == 2
        assert len(claim_some(connections)) == 2
        assert statuses(connections, second) == ["running", "running"]

    def test_chains_end_with_the_first_failure(self, connections: Connections, project: str) -> None:
        jobs = [submit_job(connections, project, 1)]
        for _ in range(3):
            jobs.append(submit_job(connections, project, 1, after=[jobs[-1]]))
        cancel_job(connections, jobs[0], project)

        while promote(connections):
            pass

        assert {job_row(connections, job)["status"] for job in jobs} == {"cancelled"}

    def test_a_paused_job_runs_when_it_is_resumed_whoever_came_first(
        self, connections: Connections, project: str
    ) -> None:
        first = submit_job(connections, project, 1)
        second = submit_job(connections, project, 2, after=[first])
        third = submit_job(connections, project, 2, after=[first])
        pause_job(connections, second, project)
        pause_job(connections, third, project)
        assert resume_job(connections, third, project) == 0

        finish(connections)
        assert promote(connections) == 2
        assert statuses(connections, second) == ["held", "held"]
        assert resume_job(connections, second, project) == 2

    def test_a_time_counts_besides(self, connections: Connections, project: str, clock: TestClock) -> None:
        first = submit_job(connections, project, 1)
        second = submit_job(connections, project, 1, after=[first], not_before=60)
        clock.forward(61)
        promote(connections)
        assert statuses(connections, second) == ["held"]
        finish(connections)
        third = submit_job(connections, project, 1)
        fourth = submit_job(connections, project, 1, after=[third], not_before=60)

        assert promote(connections) == 1
        assert statuses(connections, second) == ["pending"]
        finish(connections)
        promote(connections)
        assert statuses(connections, fourth) == ["held"]
        clock.forward(61)
        assert promote(connections) == 1

    def test_what_was_cancelled_stays_so_when_the_failed_render_is_retried(
        self, connections: Connections, project: str
    ) -> None:
        first = submit_job(connections, project, 1)
        second = submit_job(connections, project, 1, after=[first])
        settle_as(connections, claim_some(connections), Outcome.FAILED)
        promote(connections)

        retry_render(connections, render_rows(connections, first)[0]["id"], project)
        finish(connections)
        promote(connections)

        assert job_row(connections, first)["status"] == "done"
        assert job_row(connections, second)["status"] == "cancelled"

    def test_a_retry_before_anybody_knew_is_waited_for(self, connections: Connections, project: str) -> None:
        first = submit_job(connections, project, 1)
        second = submit_job(connections, project, 1, after=[first])
        settle_as(connections, claim_some(connections), Outcome.FAILED)
        retry_render(connections, render_rows(connections, first)[0]["id"], project)
        assert promote(connections) == 0

        finish(connections)
        assert promote(connections) == 1
        assert statuses(connections, second) == ["pending"]

    def test_a_job_that_is_done_is_not_waited_for(self, connections: Connections, project: str) -> None:
        first = submit_job(connections, project, 1)
        finish(connections)
        submit_job(connections, project, 1, after=[first])
        assert len(claim_some(connections)) == 1

    def test_jobs_that_failed_or_are_not_there_are_refused_all_at_once(
        self, connections: Connections, project: str, other_project: str
    ) -> None:
        failed = submit_job(connections, project, 1)
        foreign = submit_job(connections, other_project, 1)
        nobody = "018f0000-0000-7000-8000-000000000000"
        cancel_job(connections, failed, project)

        with pytest.raises(InvalidRequest) as refused:
            submit_job(connections, project, 1, after=[failed, foreign, nobody])

        assert [fault.field for fault in refused.value.faults] == ["/after/0", "/after/1", "/after/2"]
        assert "cancelled" in refused.value.faults[0].message
        assert submit_job(connections, project, 1, after=[failed], after_failure="run")


class TestDeadline:
    def test_what_has_not_ended_expires_and_workers_lose_it(
        self, connections: Connections, project: str, clock: TestClock
    ) -> None:
        job = submit_job(connections, project, 4, deadline=60)
        settle_as(connections, claim_some(connections, 1), Outcome.DONE)
        running = claim_some(connections, 1)
        clock.forward(59)
        assert expire_jobs.one_pass(connections, clock()) == 0

        clock.forward(1)
        assert expire_jobs.one_pass(connections, clock()) == 3

        assert statuses(connections, job) == ["done", "expired", "expired", "expired"]
        assert (job_row(connections, job)["status"], job_row(connections, job)["finished_at"]) == ("partial", clock())
        assert settle_as(connections, running, Outcome.DONE).accepted == []
        assert {attempt["outcome"] for attempt in attempt_rows(connections, job)} == {"done", "cancelled"}
        assert events(connections, job)[-1][1:] == ("expired", [1, 2, 3])
        assert expire_jobs.one_pass(connections, clock()) == 0
        assert_invariants_hold(connections, job)

    def test_a_paused_or_held_job_expires_too_and_is_called_so(
        self, connections: Connections, project: str, clock: TestClock
    ) -> None:
        paused = submit_job(connections, project, 2, deadline=60)
        held = submit_job(connections, project, 2, deadline=60, after=[paused])
        pause_job(connections, paused, project)
        clock.forward(61)

        assert expire_jobs.one_pass(connections, clock()) == 4

        assert {job_row(connections, job)["status"] for job in (paused, held)} == {"expired"}
        promote(connections)
        assert unresolved(connections) == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"deadline": "2020-01-01T00:00:00Z"}, "/deadline"),
        ({"deadline": 0}, "/deadline"),
        ({"deadline": 10, "not_before": 20}, "/deadline"),
        ({"deadline": "2030-01-01T00:00:00"}, "/deadline"),
        ({"deadline": 1e12}, "/deadline"),
        ({"not_before": "tomorrow"}, "/not_before"),
        ({"not_before": -1}, "/not_before"),
        ({"after": ["x"]}, "/after/0"),
        ({"after_failure": "run"}, "/after_failure"),
    ],
)
def test_what_can_never_be_is_refused(
    connections: Connections, project: str, fields: dict[str, Any], where: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        submit_job(connections, project, 1, **fields)
    assert [fault.field for fault in refused.value.faults] == [where]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_times_are_seconds_from_now_or_iso_8601(connections: Connections, project: str) -> None:
    job = submit_job(connections, project, 1, not_before="2027-01-15T10:00:00+01:00", deadline=86_400)
    row = job_row(connections, job)
    assert (row["not_before"], row["deadline"]) == (START + 3600, START + 86_400)
