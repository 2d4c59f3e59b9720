"""Whatever the clocks of the machines do: who lives keeps what it holds, and what the dead held comes back."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from farm.accounts import create_project
from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import WorkerStatus
from farm.tables import Attempt, Base, Lease, Worker
from scheduler.fleet.catalog_sync import sync_catalog
from tests.scheduler.jobs import statuses, submit_job
from tests.scheduler.many_clocks import HOUR, Machine, MachineSupervisor, MachineWorker, Time

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
#: When everything that was silent must have been given up: a lease, what was watched, another supervisor's turn.
ENOUGH = 120


class Farm:
    """Three workers and two supervisors, each on a machine of its own, and a job that they share."""

    def __init__(self, connections: Connections, renders: int = 12) -> None:
        with write(connections.engine) as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(delete(table))
        sync_catalog(connections.engine, connections.catalog, connections.clock())
        self.connections, self.time = connections, Time()
        self.machines = [Machine(self.time) for _ in range(5)]
        self.workers = [MachineWorker(connections, machine) for machine in self.machines[:3]]
        self.supervisors = [MachineSupervisor(connections, machine) for machine in self.machines[3:]]
        self.job = submit_job(connections, create_project(connections.engine, "ada", clock=connections.clock), renders)

    def run(self, seconds: int) -> None:
        """So much time passes. Supervisors come first: the worst that can happen to workers that were away."""
        for _ in range(seconds):
            self.time.now += 1.0
            for someone in (*self.supervisors, *self.workers):
                someone.run()

    def nobody_runs(self, seconds: float, *, asleep: bool) -> None:
        """Every process stands still: asleep, with its machine and its steady clock, or stopped by a signal."""
        self.time.now += seconds
        if asleep:
            for machine in self.machines:
                machine.slept += seconds

    def lost(self) -> list[Any]:
        with read(self.connections.engine) as connection:
            return list(connection.execute(select(Attempt.__table__).where(Attempt.outcome == "lost")))

    def gone(self) -> set[str]:
        with read(self.connections.engine) as connection:
            return set(connection.scalars(select(Worker.id).where(Worker.status == WorkerStatus.GONE.value)))


@pytest.fixture
def farm(connections: Connections) -> Farm:
    return Farm(connections)


@pytest.mark.parametrize("off", [-HOUR, -60.0, 60.0, HOUR])
def test_a_worker_whose_clock_is_off_keeps_what_it_renders(farm: Farm, off: float) -> None:
    worker = farm.workers[0]
    worker.machine.off = off
    worker.take(4)

    farm.run(ENOUGH)

    assert worker.revoked == []
    assert farm.lost() == []
    with read(farm.connections.engine) as connection:
        skew = connection.scalar(select(Worker.clock_skew).where(Worker.id == worker.id))
    assert skew == pytest.approx(off, abs=0.01)


@pytest.mark.parametrize("off", [-HOUR, 0.0, HOUR])
def test_what_a_dead_worker_held_comes_back_whatever_its_clock_said(farm: Farm, off: float) -> None:
    worker = farm.workers[0]
    worker.machine.off = off
    worker.take(4)
    farm.run(10)
    worker.lives = False

    farm.run(ENOUGH)

    assert len(farm.lost()) == 4
    assert farm.gone() == {worker.id}
    assert set(statuses(farm.connections, farm.job)) == {"pending"}


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
@pytest.mark.parametrize("fails_over", [False, True])
def test_when_the_databases_clock_is_set_the_living_keep_theirs_and_the_dead_are_found(
    farm: Farm, jump: float, fails_over: bool
) -> None:
    living, dead = farm.workers[:2]
    living.take(3)
    dead.take(3)
    farm.run(10)

    dead.lives = False
    farm.time.database_is_off = jump
    if fails_over:
        farm.supervisors[0].lives = False
        farm.supervisors[1].machine.off = -jump
    farm.run(ENOUGH)

    assert living.revoked == []
    assert {attempt.worker_id for attempt in farm.lost()} == {dead.id}
    assert len(farm.lost()) == 3
    assert farm.gone() == {dead.id}
    assert statuses(farm.connections, farm.job).count("running") == 3


@pytest.mark.parametrize("back", [10.0, 30.0, 45.0, 60.0, 75.0, 100.0])
def test_a_dead_worker_is_found_however_far_the_databases_clock_was_set_back(farm: Farm, back: float) -> None:
    farm.workers[0].lives = False
    farm.time.database_is_off = -back

    farm.run(ENOUGH)

    assert farm.gone() == {farm.workers[0].id}


@pytest.mark.parametrize("asleep", [False, True])
def test_when_all_of_a_machine_slept_or_was_stopped_nothing_is_lost(farm: Farm, asleep: bool) -> None:
    farm.workers[0].take(4)
    farm.run(10)

    farm.nobody_runs(2 * HOUR, asleep=asleep)
    farm.run(ENOUGH)

    assert farm.lost() == []
    assert farm.gone() == set()


def test_a_machine_that_slept_leases_nothing_in_the_past(farm: Farm) -> None:
    worker = farm.workers[0]
    farm.run(5)
    worker.lives = False
    farm.time.now += 50
    worker.machine.slept += 50  # its steady clock stood still: the farm's time as it knows it is 50 s old
    worker.take(4)
    worker.lives = True

    farm.run(ENOUGH)

    assert worker.revoked == []
    assert farm.lost() == []


def test_a_lease_of_supervisors_from_the_future_is_not_waited_for(farm: Farm) -> None:
    first, second = farm.supervisors
    farm.run(4)
    assert first.supervisor.acts
    first.lives = False
    farm.time.database_is_off = -HOUR

    farm.run(30)

    assert second.supervisor.acts
    with read(farm.connections.engine) as connection:
        until = connection.scalar(select(Lease.until))
    assert until is not None
    assert until < farm.time.of_database + 60


class Clocks(RuleBasedStateMachine):
    """Clocks are set, drift, sleep; workers and supervisors die; all in any order."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self.farm = Farm(connections)

    @rule(worker=st.integers(0, 2), renders=st.integers(1, 4))
    def claim(self, worker: int, renders: int) -> None:
        if self.farm.workers[worker].lives:
            self.farm.workers[worker].take(renders)

    @rule(machine=st.integers(0, 4), off=st.sampled_from([-HOUR, -60.0, 0.0, 60.0, HOUR]))
    def somebody_sets_a_clock(self, machine: int, off: float) -> None:
        self.farm.machines[machine].off = off

    @rule(off=st.sampled_from([-HOUR, -60.0, 0.0, 60.0, HOUR]))
    def somebody_sets_the_databases_clock(self, off: float) -> None:
        self.farm.time.database_is_off = off

    @rule(machine=st.integers(0, 4), rate=st.sampled_from([0.99, 1.0, 1.01]))
    def an_oscillator_drifts(self, machine: int, rate: float) -> None:
        self.farm.machines[machine].drift(rate)

    @rule(seconds=st.sampled_from([5.0, 50.0, HOUR]), asleep=st.booleans())
    def nobody_runs(self, seconds: float, asleep: bool) -> None:
        self.farm.nobody_runs(seconds, asleep=asleep)

    @rule(seconds=st.integers(1, 12))
    def time_passes(self, seconds: int) -> None:
        self.farm.run(seconds)

    @precondition(lambda self: sum(worker.lives for worker in self.farm.workers) > 1)
    @rule(worker=st.integers(0, 2))
    def a_worker_dies(self, worker: int) -> None:
        self.farm.workers[worker].lives = False

    @rule(supervisor=st.integers(0, 1))
    def the_other_supervisor_dies(self, supervisor: int) -> None:
        self.farm.supervisors[supervisor].lives = True
        self.farm.supervisors[1 - supervisor].lives = False

    @invariant()
    def who_lives_keeps_what_it_holds(self) -> None:
        living = {worker.id for worker in self.farm.workers if worker.lives}
        assert not {attempt.worker_id for attempt in self.farm.lost()} & living
        assert not any(worker.revoked for worker in self.farm.workers if worker.lives)

    def teardown(self) -> None:
        """In the end nothing is held by the dead, and everything else by whom it was."""
        self.farm.run(ENOUGH)
        self.who_lives_keeps_what_it_holds()
        held = [held for worker in self.farm.workers if worker.lives for held in worker.held]
        states = statuses(self.farm.connections, self.farm.job)
        assert states.count("running") == len(held)
        assert self.farm.gone() == {worker.id for worker in self.farm.workers if not worker.lives}


@pytest.mark.parametrize("examples", [8, pytest.param(60, marks=pytest.mark.long)])
def test_clocks_may_do_what_they_like(connections: Connections, examples: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Clocks(connections),
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
