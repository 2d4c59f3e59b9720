"""Control: what people decide acts at once, whatever the render is doing, and the books stay right."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, select

from farm.accounts import create_project
from farm.connections import Connections
from farm.database import read
from farm.errors import Conflict, NotFound
from farm.lifecycle import Outcome
from farm.progress import JobChanged
from farm.tables import Flow
from scheduler.control import (
    cancel_job,
    cancel_render,
    pause_flow,
    pause_job,
    pause_lane,
    pause_pool,
    resume_flow,
    resume_job,
    resume_lane,
    resume_pool,
    retry_render,
)
from scheduler.leases import Held, extend
from tests.scheduler.jobs import (
    LANE,
    LEASE_SECONDS,
    POOL,
    assert_books_are_right,
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
        assert_books_are_right(connections, job)

    def test_what_the_worker_says_of_a_cancelled_render_is_void(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2)
        held = claim_some(connections)

        cancel_job(connections, job, project)

        assert settle_as(connections, held, Outcome.DONE).accepted == []
        assert settle_as(connections, held, Outcome.FAILED).accepted == []
        assert settle_as(connections, held, Outcome.RETURNED).accepted == []
        assert statuses(connections, job) == ["cancelled"] * 2
        assert_books_are_right(connections, job)

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
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 2_500)

        assert cancel_job(connections, job, project) == 2_500

        assert [len(indexes) for _, kind, indexes in events(connections, job) if kind == "cancelled"] == [
            1_000,
            1_000,
            500,
        ]
        assert_books_are_right(connections, job)

    def test_held_renders_of_a_paused_job_end_too(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 3)
        pause_job(connections, job, project)

        cancel_job(connections, job, project)

        assert job_row(connections, job)["status"] == "cancelled"
        assert_books_are_right(connections, job)

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
        assert_books_are_right(connections, job)


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

        assert_books_are_right(connections, job)

    def test_the_render_of_another_project_is_not_there(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)
        other = create_project(connections.engine, "other")

        with pytest.raises(NotFound):
            cancel_render(connections, render_rows(connections, job)[0]["id"], other)


class TestRetry:
    def test_a_failed_render_is_rendered_again_and_its_job_is_open_again(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 2)
        settle_as(connections, claim_some(connections), Outcome.FAILED)
        assert job_row(connections, job)["status"] == "failed"

        retry_render(connections, render_rows(connections, job)[0]["id"], project)

        row, render = job_row(connections, job), render_rows(connections, job)[0]
        assert (row["status"], row["finished_at"], row["renders_failed"]) == ("open", None, 1)
        assert (render["status"], render["failures"], render["reason"]) == ("pending", 0, None)
        assert events(connections, job)[-1][1:] == ("retried", [0])
        settle_as(connections, claim_some(connections), Outcome.DONE)
        assert job_row(connections, job)["status"] == "partial"
        assert_books_are_right(connections, job)

    def test_only_what_failed_is_retried(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)

        with pytest.raises(Conflict, match="pending"):
            retry_render(connections, render_rows(connections, job)[0]["id"], project)

    def test_a_render_is_retried_once_however_often_it_is_asked_at_once(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 1)
        settle_as(connections, claim_some(connections), Outcome.FAILED)
        render = render_rows(connections, job)[0]["id"]

        with ThreadPoolExecutor(4) as threads:
            errors = [threads.submit(retry_render, connections, render, project).exception() for _ in range(4)]

        assert [type(error) for error in errors].count(Conflict) == 3
        assert_books_are_right(connections, job)

    def test_not_while_its_job_is_paused(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2)
        settle_as(connections, claim_some(connections, 1), Outcome.FAILED)
        pause_job(connections, job, project)

        with pytest.raises(Conflict, match="paused"):
            retry_render(connections, render_rows(connections, job)[0]["id"], project)
        assert statuses(connections, job) == ["failed", "held"]

    def test_a_deterministic_render_stays_alone(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1, deterministic=True)
        settle_as(connections, claim_some(connections), Outcome.FAILED)

        retry_render(connections, render_rows(connections, job)[0]["id"], project)

        assert render_rows(connections, job)[0]["company"] == 1


class TestPauseJob:
    def test_nothing_of_a_paused_job_is_claimed_until_it_is_resumed(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 3)

        assert pause_job(connections, job, project) == 3
        assert claim_some(connections) == []
        assert job_row(connections, job)["status"] == "paused"

        assert resume_job(connections, job, project) == 3
        assert len(claim_some(connections)) == 3
        assert job_row(connections, job)["status"] == "open"
        assert [kind for _, kind, _ in events(connections, job)] == [
            *("submitted", "paused", "held", "resumed", "released"),
        ]
        assert_books_are_right(connections, job)

    def test_what_runs_goes_on_and_may_end_the_job(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2)
        held = claim_some(connections)

        pause_job(connections, job, project)
        settle_as(connections, held, Outcome.DONE)

        assert job_row(connections, job)["status"] == "done"

    def test_what_a_worker_gives_back_is_held_until_the_job_is_resumed(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 2)
        held = claim_some(connections)
        pause_job(connections, job, project)

        settle_as(connections, held, Outcome.RETURNED)

        assert claim_some(connections) == []
        resume_job(connections, job, project)
        assert len(claim_some(connections)) == 2

    def test_a_job_that_has_ended_cannot_be_paused_or_resumed(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)
        cancel_job(connections, job, project)

        for control in (pause_job, resume_job):
            with pytest.raises(Conflict, match="cancelled"):
                control(connections, job, project)

    def test_the_later_word_counts_when_pause_and_resume_cross(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 50)
        with ThreadPoolExecutor(4) as threads:
            for control in (pause_job, resume_job) * 6:
                threads.submit(control, connections, job, project)

        pause_job(connections, job, project)
        assert set(statuses(connections, job)) == {"held"}
        resume_job(connections, job, project)
        assert set(statuses(connections, job)) == {"pending"}
        assert_books_are_right(connections, job)


class TestSwitches:
    def test_a_paused_pool_gets_nothing(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1)
        pause_pool(connections, POOL)
        assert claim_some(connections) == []

        resume_pool(connections, POOL)
        assert len(claim_some(connections)) == 1

    def test_a_paused_lane_is_not_served(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1)
        pause_lane(connections, LANE)
        assert claim_some(connections) == []

        resume_lane(connections, LANE)
        assert len(claim_some(connections)) == 1

    def test_a_paused_flow_waits_also_for_new_jobs(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1)
        with read(connections.engine) as connection:
            flow = connection.execute(select(Flow.id)).scalar_one()
        pause_flow(connections, flow)
        submit_job(connections, project, 1)
        assert claim_some(connections) == []

        resume_flow(connections, flow)
        assert len(claim_some(connections)) == 2

    @pytest.mark.parametrize("switch", [pause_pool, resume_pool, pause_lane, resume_lane])
    def test_what_is_not_there_is_not_found(self, connections: Connections, switch: object) -> None:
        with pytest.raises(NotFound, match="nonsense"):
            switch(connections, "nonsense")  # type: ignore[operator]

    def test_a_hundred_thousand_renders_or_one_cost_the_same(self, connections: Connections, project: str) -> None:
        statements: list[str] = []
        event.listen(connections.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

        pause_lane(connections, LANE)
        few = len(statements)
        submit_job(connections, project, 2_000)
        statements.clear()
        pause_lane(connections, LANE)

        assert len(statements) == few
        assert not any("renders" in statement for statement in statements)


class TestTold:
    def test_workers_and_watchers_hear_of_a_cancel_after_its_commit(
        self, belled: Connections, project: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = submit_job(belled, project, 1)
        heard: list[tuple[JobChanged, str]] = []
        announce = belled.progress.announce

        def listen(*changes: JobChanged) -> None:
            heard.extend((change, job_row(belled, job)["status"]) for change in changes)
            announce(*changes)

        monkeypatch.setattr(belled.progress, "announce", listen)
        before = belled.progress.lane_counter(LANE)

        cancel_job(belled, job, project)

        assert belled.progress.lane_counter(LANE) != before
        assert heard == [(JobChanged(job_id=job, project_id=project, version=2), "cancelled")]

    def test_a_resumed_pool_is_rung(self, belled: Connections, project: str) -> None:
        for _ in range(3):
            sign_on(belled)

        resume_pool(belled, POOL)

        assert belled.broker.waiting_rings(POOL) == 3
