"""Pause and resume: nothing more of a job, a project, a flow, a lane or a pool is claimed, and what runs ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import event, select

from farm.connections import Connections
from farm.database import read
from farm.errors import Conflict, NotFound
from farm.lifecycle import Outcome
from farm.tables import Flow
from scheduler.control.cancel import cancel_job
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.pause_pool import pause_flow, pause_lane, pause_pool, resume_flow, resume_lane, resume_pool
from scheduler.control.pause_project import pause_project, resume_project
from tests.scheduler.jobs import (
    LANE,
    POOL,
    assert_invariants_hold,
    claim_some,
    events,
    job_row,
    settle_as,
    statuses,
    submit_job,
)


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
        assert_invariants_hold(connections, job)

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
        assert_invariants_hold(connections, job)


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


class TestProject:
    def test_nothing_of_a_paused_project_is_claimed_also_of_flows_that_come_later(
        self, connections: Connections, project: str, other_project: str
    ) -> None:
        submit_job(connections, project, 1)
        pause_project(connections, project)
        submit_job(connections, project, 1, **{"class": "urgent"})
        theirs = submit_job(connections, other_project, 1)
        assert [render.job_id for render in claim_some(connections)] == [theirs]
        assert claim_some(connections) == []

        resume_project(connections, project)
        assert len(claim_some(connections)) + len(claim_some(connections)) == 2

    def test_pausing_it_again_changes_nothing_and_one_that_is_not_there_is_not_found(
        self, connections: Connections, project: str
    ) -> None:
        submit_job(connections, project, 1)
        for _ in range(2):
            pause_project(connections, project)
            connections.clock.forward(1)  # type: ignore[attr-defined]
        for _ in range(2):
            resume_project(connections, project)
        assert len(claim_some(connections)) == 1
        for switch in (pause_project, resume_project):
            with pytest.raises(NotFound):
                switch(connections, "018f0000-0000-7000-8000-000000000000")

    def test_a_flow_that_was_paused_for_itself_stays_so(self, connections: Connections, project: str) -> None:
        submit_job(connections, project, 1)
        with read(connections.engine) as connection:
            flow = connection.execute(select(Flow.id)).scalar_one()
        pause_flow(connections, flow)
        connections.clock.forward(1)  # type: ignore[attr-defined]
        pause_project(connections, project)
        resume_project(connections, project)
        assert claim_some(connections) == []
        resume_flow(connections, flow)
        assert len(claim_some(connections)) == 1

    def test_new_flows_and_the_pause_cross_without_a_gap(self, connections: Connections, project: str) -> None:
        with ThreadPoolExecutor(4) as threads:
            for name in ("urgent", "normal", "bulk"):
                threads.submit(submit_job, connections, project, 1, **{"class": name})
            threads.submit(pause_project, connections, project)
        assert claim_some(connections) == []
        resume_project(connections, project)
        assert sum(len(claim_some(connections)) for _ in range(3)) == 3
