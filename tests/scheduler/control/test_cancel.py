"""Cancel: a job, a render or what a filter finds ends, whatever it was doing, and the counters stay right."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from farm.accounts import create_project
from farm.connections import Connections
from farm.errors import Conflict, InvalidRequest, NotFound
from farm.lifecycle import Outcome, RenderStatus
from scheduler.control import end_jobs
from scheduler.control.cancel import cancel_filtered, cancel_job, cancel_render
from scheduler.control.filters import Found, RenderFilter
from scheduler.control.pause_job import pause_job
from scheduler.leases.extend import Held, extend
from tests.scheduler.jobs import (
    LANE,
    LEASE_SECONDS,
    assert_invariants_hold,
    attempt_rows,
    claim_some,
    events,
    job_row,
    render_rows,
    settle_as,
    sign_on,
    statuses,
    submit_job,
)

NOBODY = "018f0000-0000-7000-8000-000000000000"


class TestCancelJob:
    def test_pending_and_running_renders_end(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 5)
        claim_some(connections, 2)

        assert cancel_job(connections, job, project) == 5

        row = job_row(connections, job)
        assert statuses(connections, job) == ["cancelled"] * 5
        assert (row["status"], row["finished_at"]) == ("cancelled", connections.clock())
        assert events(connections, job)[-1] == (2, "cancelled", [0, 1, 2, 3, 4])
        assert_invariants_hold(connections, job)

    def test_what_the_worker_says_of_a_cancelled_render_is_void(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2)
        held = claim_some(connections)

        cancel_job(connections, job, project)

        assert settle_as(connections, held, Outcome.DONE).accepted == []
        assert settle_as(connections, held, Outcome.FAILED).accepted == []
        assert settle_as(connections, held, Outcome.RETURNED).accepted == []
        assert statuses(connections, job) == ["cancelled"] * 2
        assert_invariants_hold(connections, job)

    def test_the_worker_hears_of_it_with_its_next_heartbeat(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2)
        worker = sign_on(connections)
        held = [Held(render.id, render.attempt) for render in claim_some(connections, 2, worker)]

        cancel_render(connections, held[0].render_id, project)

        revoked = extend(
            connections.engine, worker_id=worker, held=held, now=connections.clock(), lease_seconds=LEASE_SECONDS
        )
        assert revoked == [held[0].render_id]
        assert statuses(connections, job) == ["cancelled", "running"]

    def test_the_attempt_says_that_it_was_cancelled(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2)
        claim_some(connections, 1)

        cancel_job(connections, job, project)

        (attempt,) = attempt_rows(connections, job)
        assert (attempt["outcome"], attempt["ended_at"]) == ("cancelled", connections.clock())

    def test_what_was_done_before_stays(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 3)
        settle_as(connections, claim_some(connections, 1), Outcome.DONE)

        assert cancel_job(connections, job, project) == 2

        assert statuses(connections, job) == ["done", "cancelled", "cancelled"]
        assert job_row(connections, job)["status"] == "partial"

    def test_a_large_job_is_cancelled_in_chunks_with_an_event_each(
        self, connections: Connections, project: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(end_jobs, "ANSWER_SECONDS", float("inf"))
        job = submit_job(connections, project, 2_500)

        assert cancel_job(connections, job, project) == 2_500

        assert [len(indexes) for _, kind, indexes in events(connections, job) if kind == "cancelled"] == [
            1_000,
            1_000,
            500,
        ]
        assert_invariants_hold(connections, job)

    def test_held_renders_of_a_paused_job_end_too(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 3)
        pause_job(connections, job, project)

        cancel_job(connections, job, project)

        assert job_row(connections, job)["status"] == "cancelled"
        assert_invariants_hold(connections, job)

    def test_cancelling_twice_is_no_error_and_tells_nothing_new(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)
        cancel_job(connections, job, project)

        assert cancel_job(connections, job, project) == 0
        assert job_row(connections, job)["version"] == 2

    def test_a_job_that_is_done_cannot_be_cancelled(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)
        settle_as(connections, claim_some(connections), Outcome.DONE)

        with pytest.raises(Conflict, match="done"):
            cancel_job(connections, job, project)

    @pytest.mark.parametrize("job", [NOBODY, "nonsense", "", "\0"])
    def test_an_unknown_job_is_not_found(self, connections: Connections, project: str, job: str) -> None:
        with pytest.raises(NotFound):
            cancel_job(connections, job, project)

    def test_the_job_of_another_project_is_not_there(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)
        other = create_project(connections.engine, "other")

        with pytest.raises(NotFound):
            cancel_job(connections, job, other)
        assert cancel_job(connections, job, None) == 1

    def test_workers_that_claim_and_settle_meanwhile_lose_and_double_nothing(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 300)
        with ThreadPoolExecutor(5) as threads:

            def work(_: int) -> None:
                while held := claim_some(connections, 4):
                    settle_as(connections, held, Outcome.DONE)

            workers = [threads.submit(work, number) for number in range(3)]
            cancels = [threads.submit(cancel_job, connections, job, project) for _ in range(2)]
            for future in workers:
                future.result()
            cancelled = sum(future.result() for future in cancels if not isinstance(future.exception(), Conflict))

        states = statuses(connections, job)
        assert states.count("cancelled") == cancelled
        assert states.count("done") + cancelled == 300
        assert_invariants_hold(connections, job)


class TestCancelRender:
    def test_one_render_ends_and_the_others_go_on(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 3)

        cancel_render(connections, render_rows(connections, job)[1]["id"], project)

        assert statuses(connections, job) == ["pending", "cancelled", "pending"]
        assert job_row(connections, job)["status"] == "open"
        assert events(connections, job)[-1] == (2, "cancelled", [1])

    def test_a_render_that_is_done_cannot_be_cancelled(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1)
        (held,) = claim_some(connections)
        settle_as(connections, [held], Outcome.DONE)

        with pytest.raises(Conflict, match="done"):
            cancel_render(connections, held.id, project)

    def test_cancelling_twice_is_no_error(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)
        render = render_rows(connections, job)[0]["id"]

        cancel_render(connections, render, project)
        cancel_render(connections, render, project)

        assert_invariants_hold(connections, job)

    def test_the_render_of_another_project_is_not_there(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)
        other = create_project(connections.engine, "other")

        with pytest.raises(NotFound):
            cancel_render(connections, render_rows(connections, job)[0]["id"], other)


class TestCancelFiltered:
    def test_all_that_is_given_must_hold_and_a_dry_run_only_counts(
        self, connections: Connections, project: str, other_project: str
    ) -> None:
        cats = submit_job(connections, project, 2, prompt=["a red CAT", "a blue dog"])
        bulk = submit_job(connections, project, 2, prompt="a cat", **{"class": "bulk"})
        theirs = submit_job(connections, other_project, 2, prompt="a cat")
        chosen = RenderFilter(project_id=project, text="cat", class_name="normal")

        assert cancel_filtered(connections, chosen, dry_run=True) == Found(jobs=1, renders=2)
        assert "cancelled" not in statuses(connections, cats)
        assert cancel_filtered(connections, chosen) == Found(jobs=1, renders=2)

        assert statuses(connections, cats) == ["cancelled", "cancelled", "pending", "pending"]
        assert {*statuses(connections, bulk), *statuses(connections, theirs)} == {"pending"}
        assert cancel_filtered(connections, chosen) == Found(jobs=0, renders=0)
        assert_invariants_hold(connections, cats)

    def test_by_state_age_model_lane_and_job(self, connections: Connections, project: str) -> None:
        old = submit_job(connections, project, 3)
        claim_some(connections, 1)
        connections.clock.forward(10)  # type: ignore[attr-defined]
        new = submit_job(connections, project, 1)
        now = connections.clock()

        waiting = RenderFilter(statuses=(RenderStatus.PENDING,), created_before=now)
        assert cancel_filtered(connections, waiting) == Found(1, 2)
        assert statuses(connections, old) == ["running", "cancelled", "cancelled"]
        assert cancel_filtered(connections, RenderFilter(created_after=now), dry_run=True) == Found(1, 1)
        assert cancel_filtered(connections, RenderFilter(model="wan-demo")) == Found(0, 0)
        assert cancel_filtered(connections, RenderFilter(job_ids=(new,), lane=LANE)) == Found(1, 1)

    def test_a_percent_sign_is_text(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1)
        assert cancel_filtered(connections, RenderFilter(text="%")) == Found(0, 0)

    def test_a_filter_that_names_nothing_or_what_cannot_be_cancelled_is_refused(self, connections: Connections) -> None:
        for chosen in (RenderFilter(project_id=NOBODY), RenderFilter(statuses=(RenderStatus.DONE,))):
            with pytest.raises(InvalidRequest):
                cancel_filtered(connections, chosen)
