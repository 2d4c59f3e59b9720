"""The life of renders under everything at once: claims, settles, reaps, every control, waiting jobs, and zombies.

A zombie is a worker that lost its lease and does not know: it wakes up at any later point of its work and says
what it was about to say. Hypothesis chooses who does what next; after every step the database is looked at as
a whole (:mod:`tests.scheduler.invariants`).
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, insert, update

from farm.connections import Connections
from farm.database import write
from farm.errors import Conflict
from farm.ids import new_id
from farm.lifecycle import Phase, RenderStatus
from farm.tables import Base, Dependency, Flow, Job, Render
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.control import end_jobs
from scheduler.control.cancel import cancel_job, cancel_render
from scheduler.control.change_priority_class import change_class
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.pause_pool import pause_flow, resume_flow
from scheduler.control.pause_project import pause_project, resume_project
from scheduler.control.reorder import Place, reorder_job
from scheduler.control.retry import retry_render
from scheduler.leases.extend import Held, extend, set_phase
from scheduler.leases.reap import reap
from scheduler.leases.settle import settle
from scheduler.maintenance import end_marked_jobs, expire_jobs, release_held
from tests.scheduler.conftest import TestClock
from tests.scheduler.farms import SmallFarm, done, failed, returned
from tests.scheduler.invariants import Snapshot, breaches

SETTLEMENTS: dict[str, Callable[[ClaimedRender], Any]] = {"done": done, "failed": failed, "returned": returned}
PROJECTS = st.sampled_from(["ada", "bob"])


@dataclass(frozen=True)
class Grip:
    """What a worker believes it holds. Nobody takes it out of its hands: it may be long void."""

    worker_id: str
    render: ClaimedRender

    @property
    def held(self) -> Held:
        return Held(self.render.id, self.render.attempt)


def cancel_in_the_background(connections: Connections, job_id: str) -> int:
    """Of a job so large that nothing of it has ended when its time for the answer is over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(end_jobs, "ANSWER_SECONDS", -1.0)
        return cancel_job(connections, job_id)


JOB_CONTROLS = [pause_job, resume_job, pause_job, resume_job, cancel_job, cancel_in_the_background]


class FarmLife(RuleBasedStateMachine):
    """Workers, users and the supervisor, one at a time, in any order."""

    def __init__(self, connections: Connections, clock: TestClock) -> None:
        super().__init__()
        self.connections, self.clock = connections, clock
        with write(connections.engine) as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(delete(table))
        self.farm = SmallFarm(connections.engine, now=clock())
        self.jobs: list[str] = []
        self.renders: list[str] = []
        self.grips: list[Grip] = []
        self.scan_cursor = ScanCursor(life=30.0)
        self.before = Snapshot(connections.engine)

    # Few jobs, so that much happens to each.
    @precondition(lambda self: len(self.jobs) < 3)
    @rule(
        count=st.integers(1, 4),
        project=PROJECTS,
        key=st.sampled_from("ab"),
        batch_limit=st.sampled_from([None, None, 1]),
        class_name=st.sampled_from(["urgent", "normal"]),
        seconds=st.sampled_from([None, None, 20.0]),
        life=st.sampled_from([None, None, 40.0]),
        after=st.sampled_from([None, "cancel", "run"]),
    )
    def submit(
        self,
        count: int,
        project: str,
        key: str,
        batch_limit: int | None,
        class_name: str,
        seconds: float | None,
        life: float | None,
        after: str | None,
    ) -> None:
        """A job, that may have to wait for a time or for the newest job, and that may expire."""
        eligible_at = None if seconds is None else self.clock() + seconds
        awaited = self.jobs[-1] if after and self.jobs else None
        job_id, ids = self.farm.submit(
            count,
            project=project,
            class_name=class_name,
            batch_key=key * 64,
            batch_limit=batch_limit,
            eligible_at=eligible_at,
            status="pending" if eligible_at is None and awaited is None else "held",
        )
        with write(self.connections.engine) as connection:
            deadline = None if life is None else self.clock() + life
            waiting = {"not_before": eligible_at, "deadline": deadline, "after_failure": after if awaited else None}
            connection.execute(update(Job).where(Job.id == job_id).values(waiting))
            if awaited is not None:
                connection.execute(insert(Dependency).values(job_id=job_id, after_id=awaited))
        self.jobs.append(job_id)
        self.renders.extend(ids)

    @rule(capacity=st.integers(1, 5), with_scan_cursor=st.booleans())
    def claim(self, capacity: int, with_scan_cursor: bool) -> None:
        worker_id = new_id()
        claim = self.farm.claim(capacity, worker_id, self.scan_cursor if with_scan_cursor else None)
        if claim is None:
            return
        assert 1 <= len(claim.renders) <= capacity
        assert len({render.batch_key for render in claim.renders}) == 1
        assert all(self.farm.row(Job, id=render.job_id).ending is None for render in claim.renders)
        for render in claim.renders:
            batch_limit = self.farm.row(Render, id=render.id).batch_limit
            assert batch_limit is None or len(claim.renders) <= batch_limit
        self.grips += [Grip(worker_id, render) for render in claim.renders]

    @precondition(lambda self: self.holders())
    @rule(data=st.data())
    def workers_settle(self, data: st.DataObject) -> None:
        """Workers say how renders ended that they hold."""
        self.settle(data, self.holders())

    @precondition(lambda self: self.grips)
    @rule(data=st.data())
    def anybody_settles(self, data: st.DataObject) -> None:
        """Workers and zombies say how renders ended: only the word of who holds one counts."""
        self.settle(data, self.grips)

    def holders(self) -> list[Grip]:
        """The grips that are not void."""
        statuses = self.before.statuses
        return [grip for grip in self.grips if statuses[grip.render.id] == (RenderStatus.RUNNING, grip.render.attempt)]

    def settle(self, data: st.DataObject, grips: list[Grip]) -> None:
        chosen = data.draw(
            st.lists(st.sampled_from(grips), min_size=1, max_size=4, unique_by=lambda grip: grip.render.id)
        )
        words = [data.draw(st.sampled_from(sorted(SETTLEMENTS))) for _ in chosen]
        expected = []
        for grip, word in zip(chosen, words, strict=True):
            status, attempt = self.before.statuses[grip.render.id]
            repeated = status == word == "done"
            if attempt == grip.render.attempt and (status is RenderStatus.RUNNING or repeated):
                expected.append(grip.render.id)
        settlements = [SETTLEMENTS[word](grip.render) for grip, word in zip(chosen, words, strict=True)]
        assert settle(self.connections.engine, settlements, self.clock()).accepted == expected

    @precondition(lambda self: self.grips)
    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        """A heartbeat of a worker, or of one that was thought dead: the answer lists exactly what it lost."""
        worker_id = data.draw(st.sampled_from([grip.worker_id for grip in self.grips]))
        held = [grip.held for grip in self.grips if grip.worker_id == worker_id]
        own = {
            item.render_id
            for item in held
            if self.before.statuses[item.render_id] == (RenderStatus.RUNNING, item.attempt)
        }
        revoked = extend(self.connections.engine, worker_id=worker_id, held=held, now=self.clock(), lease_seconds=30.0)
        assert revoked == [item.render_id for item in held if item.render_id not in own]

    @precondition(lambda self: self.grips)
    @rule(data=st.data(), phase=st.sampled_from(Phase))
    def set_phase(self, data: st.DataObject, phase: Phase) -> None:
        set_phase(self.connections.engine, [data.draw(st.sampled_from(self.grips)).held], phase)

    @rule(seconds=st.sampled_from([1.0, 31.0]))
    def time_goes_on_and_the_supervisor_reaps(self, seconds: float) -> None:
        self.farm.now = self.clock.forward(seconds)
        reap(self.connections.engine, self.clock())

    @rule(duty=st.sampled_from([release_held, release_held, expire_jobs, end_marked_jobs]))
    def the_supervisor_promotes_and_expires(self, duty: Any) -> None:
        duty.one_pass(self.connections, self.clock())

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), class_name=st.sampled_from(["urgent", "normal", "bulk"]))
    def change_a_class(self, data: st.DataObject, class_name: str) -> None:
        with suppress(Conflict):  # it has ended
            change_class(self.connections, data.draw(st.sampled_from(self.jobs)), class_name)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def reorder_a_job(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(self.jobs))
        where = data.draw(st.sampled_from([*Place, *self.jobs]))
        chosen = {"place": where} if isinstance(where, Place) else {"before": where}
        with suppress(Conflict):  # one has ended, or they do not stand in one line
            reorder_job(self.connections, job_id, **chosen)

    @rule(project=PROJECTS, verb=st.sampled_from([pause_project, resume_project, resume_project]))
    def control_a_project(self, project: str, verb: Callable[..., None]) -> None:
        self.farm.flow(project)
        verb(self.connections, self.farm.projects[project])

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), verb=st.sampled_from(JOB_CONTROLS))
    def control_a_job(self, data: st.DataObject, verb: Callable[..., None]) -> None:
        with suppress(Conflict):  # it has ended
            verb(self.connections, data.draw(st.sampled_from(self.jobs)))

    @precondition(lambda self: self.renders)
    @rule(data=st.data(), verb=st.sampled_from([retry_render, retry_render, cancel_render]))
    def control_a_render(self, data: st.DataObject, verb: Callable[..., None]) -> None:
        with suppress(Conflict):  # it has ended, or it has not failed
            verb(self.connections, data.draw(st.sampled_from(self.renders)))

    @rule(project=PROJECTS, verb=st.sampled_from([pause_flow, resume_flow]))
    def control_a_flow(self, project: str, verb: Callable[..., None]) -> None:
        verb(self.connections, self.farm.flow(project))

    @invariant()
    def all_is_well(self) -> None:
        now = Snapshot(self.connections.engine)
        assert breaches(now, self.before) == []
        self.before = now

    def teardown(self) -> None:
        """In the end everything can be worked off: nothing is stuck."""
        for project_id in self.farm.projects.values():
            resume_project(self.connections, project_id)
        for flow in self.farm.rows(Flow):
            resume_flow(self.connections, flow.id)
        for job_id in self.jobs:
            with suppress(Conflict):
                resume_job(self.connections, job_id)
        self.farm.now = self.clock.forward(31.0)
        reap(self.connections.engine, self.clock())
        self.promote_all()
        while claim := self.farm.claim(capacity=8):
            settle(self.connections.engine, [done(render) for render in claim.renders], self.clock())
            self.promote_all()
        end = Snapshot(self.connections.engine)
        assert breaches(end) == []
        assert {render.status for render in end.renders} <= {"done", "failed", "cancelled", "expired"}

    def promote_all(self) -> None:
        """Chains of jobs that wait for each other go on by one with each pass."""
        while any(duty.one_pass(self.connections, self.clock()) for duty in (release_held, end_marked_jobs)):
            pass
        end_marked_jobs.one_pass(self.connections, self.clock())  # of those that had nothing left the mark goes


def test_no_order_of_events_loses_or_doubles_a_render(
    connections: Connections, clock: TestClock, database: str
) -> None:
    # The same Python on both; PostgreSQL answers more slowly.
    live(connections, clock, examples=20 if database == "sqlite" else 6, steps=30)


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_no_long_order_of_events_loses_or_doubles_a_render(connections: Connections, clock: TestClock) -> None:
    live(connections, clock, examples=100, steps=60)


def live(connections: Connections, clock: TestClock, *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: FarmLife(connections, clock),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
