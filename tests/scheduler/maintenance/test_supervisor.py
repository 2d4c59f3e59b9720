"""The supervisor: one acts, another takes over, and what was lost comes back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import event, make_url, select
from structlog.testing import capture_logs

from farm.connections import Connections
from farm.database import read
from farm.lifecycle import Outcome, WorkerStatus
from farm.settings import Settings
from farm.tables import Lease, Worker
from scheduler.control.cancel import cancel_job
from scheduler.maintenance.duty import Duty
from scheduler.maintenance.mark_dead_workers import MarkDeadWorkers
from scheduler.maintenance.reap_leases import ReapLeases
from scheduler.maintenance.supervisor import Supervisor
from tests.databases import PostgresServer
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import (
    LANE,
    LEASE_SECONDS,
    POOL,
    assert_invariants_hold,
    attempt_rows,
    claim_some,
    job_row,
    reap_lost,
    render_rows,
    retire_silent,
    settle_as,
    sign_on,
    statuses,
    submit_job,
)
from tests.scheduler.maintenance.test_replace_lost_rings import wipe
from tests.waiting import eventually


class Counted:
    """A duty that counts its passes."""

    def __init__(self) -> None:
        self.passes = 0

    def one_pass(self, connections: Connections, now: float) -> int:
        self.passes += 1
        return 0


class Broken:
    """A duty that always fails."""

    def one_pass(self, connections: Connections, now: float) -> int:
        raise ZeroDivisionError("no such luck")


class SomeDuty(Protocol):
    """What has a pass."""

    def one_pass(self, connections: Connections, now: float) -> int: ...


@contextmanager
def statements_on(table: str, connections: Connections) -> Iterator[list[str]]:
    """The statements that name a table, as they are sent."""
    asked: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if table in statement:
            asked.append(statement)

    event.listen(connections.engine, "before_cursor_execute", note)
    yield asked
    event.remove(connections.engine, "before_cursor_execute", note)


def supervise(connections: Connections, *duties: SomeDuty, interval: float = 0.0) -> Supervisor:
    """With these duties; the first has the interval."""
    intervals = [interval, *(0.0 for _ in duties)]
    made = [
        Duty(type(duty).__name__.lower(), duty.one_pass, every)
        for duty, every in zip(duties or [Counted()], intervals, strict=False)
    ]
    return Supervisor(connections, made)


class TestLeadership:
    def test_of_many_one_acts(self, connections: Connections) -> None:
        first, second = supervise(connections), supervise(connections)

        for supervisor in (first, second, first, second):
            supervisor.one_round()

        assert (first.acts, second.acts) == (True, False)

    def test_another_takes_over_when_the_holder_is_silent(self, connections: Connections, clock: TestClock) -> None:
        first, second = supervise(connections), supervise(connections)
        first.one_round()

        clock.forward(9.0)
        second.one_round()
        assert not second.acts
        clock.forward(1.0)
        second.one_round()

        assert second.acts
        first.one_round()
        assert not first.acts

    def test_a_clean_stop_lets_another_act_at_once(self, connections: Connections) -> None:
        first, second = supervise(connections), supervise(connections)
        stop = threading.Event()
        thread = threading.Thread(target=first.run, args=[stop])
        thread.start()
        eventually(lambda: first.acts)

        stop.set()
        thread.join()

        with read(connections.engine) as connection:
            assert connection.scalars(select(Lease.name)).all() == []
        second.one_round()
        assert second.acts

    def test_who_does_not_act_does_no_duty(self, connections: Connections) -> None:
        duty = Counted()
        supervise(connections).one_round()

        supervise(connections, duty).one_round()

        assert duty.passes == 0

    def test_a_round_of_short_duties_asks_for_the_lease_once(self, connections: Connections) -> None:
        supervisor = supervise(connections, *(Counted() for _ in range(9)))
        supervisor.one_round()

        with statements_on("leases", connections) as asked:
            supervisor.one_round()

        assert len(asked) == 1

    def test_a_round_ends_where_a_slow_duty_outlived_the_lease_and_another_took_it(
        self, connections: Connections, clock: TestClock
    ) -> None:
        class Slow:
            def one_pass(self, connections: Connections, now: float) -> int:
                clock.forward(10.0)
                second.one_round()
                return 0

        second, after = supervise(connections), Counted()

        supervise(connections, Slow(), after).one_round()

        assert second.acts
        assert after.passes == 0

    def test_the_lease_is_extended_between_duties_that_take_long(
        self, connections: Connections, clock: TestClock
    ) -> None:
        class Slow:
            def one_pass(self, connections: Connections, now: float) -> int:
                clock.forward(6.0)
                return 0

        second = supervise(connections)

        supervise(connections, Slow(), Slow(), Counted()).one_round()
        second.one_round()

        assert not second.acts

    def test_two_that_start_at_once_do_not_both_act(self, connections: Connections) -> None:
        supervisors = [supervise(connections) for _ in range(6)]
        threads = [threading.Thread(target=supervisor.one_round) for supervisor in supervisors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [supervisor.acts for supervisor in supervisors].count(True) == 1


class TestRare:
    def test_a_duty_that_waits_between_its_passes_waits_before_the_first_too(
        self, connections: Connections, clock: TestClock
    ) -> None:
        class Rare(Counted):
            pass

        rare, always = Rare(), Counted()
        supervisor = supervise(connections, rare, always, interval=60.0)
        passes = []
        for _ in range(5):
            supervisor.one_round()
            passes.append((rare.passes, always.passes))
            clock.forward(30)

        assert passes == [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]


class TestTrouble:
    def test_a_duty_that_fails_is_logged_and_the_others_go_on(self, connections: Connections) -> None:
        counted = Counted()
        supervisor = supervise(connections, Broken(), counted)

        with capture_logs() as lines:
            supervisor.one_round()
            supervisor.one_round()

        assert counted.passes == 2
        assert [line["duty"] for line in lines if line["event"] == "duty failed"] == ["broken", "broken"]

    def test_a_database_that_is_away_is_waited_for(
        self, connections: Connections, settings: Settings, request: pytest.FixtureRequest
    ) -> None:
        counted = Counted()
        supervisor = supervise(connections, counted)
        supervisor.one_round()

        with capture_logs() as lines:
            with database_away(connections, settings, request):
                supervisor.one_round()
                supervisor.one_round()
                assert not supervisor.acts
            supervisor.one_round()

        assert supervisor.acts
        assert counted.passes == 2
        told = [line["event"] for line in lines]
        assert told[0].startswith("database lost")
        assert told[1:] == ["database is back", "supervisor acts"]


@contextmanager
def database_away(connections: Connections, settings: Settings, request: pytest.FixtureRequest) -> Iterator[None]:
    """Nobody can reach this test's database."""
    url = make_url(settings.database_url.get_secret_value())
    connections.engine.dispose()
    if url.get_backend_name() == "sqlite":
        assert url.database
        path = Path(url.database)
        aside = path.rename(path.with_suffix(".aside"))
        path.mkdir()
        yield
        path.rmdir()
        aside.rename(path)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    server.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false")
    yield
    server.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true")


class TestReaping:
    def test_a_render_whose_worker_was_lost_is_rendered_again(
        self, connections: Connections, clock: TestClock, project: str
    ) -> None:
        job = submit_job(connections, project, 2)
        lost = claim_some(connections, 2)

        assert ReapLeases().one_pass(connections, clock()) == 0
        clock.forward(LEASE_SECONDS + 1)
        assert reap_lost(connections, clock) == 1

        assert statuses(connections, job) == ["pending"] * 2
        again = claim_some(connections, 2)
        assert settle_as(connections, lost, Outcome.DONE).accepted == []
        assert len(settle_as(connections, again, Outcome.DONE).accepted) == 2
        assert job_row(connections, job)["status"] == "done"
        assert {render["failures"] for render in render_rows(connections, job)} == {0}
        assert [attempt["outcome"] for attempt in attempt_rows(connections, job)] == ["lost", "done"] * 2
        assert_invariants_hold(connections, job)

    def test_pools_are_rung_and_busy_workers_told(
        self, ringing: Connections, clock: TestClock, project: str, valkey_url: str
    ) -> None:
        submit_job(ringing, project, 1)
        ringing.broker.flush()
        claim_some(ringing, 1)
        wipe(valkey_url)
        clock.forward(LEASE_SECONDS + 1)
        ringing.progress.flush()
        before = ringing.progress.lane_counter(LANE)

        reap_lost(ringing, clock)
        ringing.progress.flush()

        assert ringing.progress.lane_counter(LANE) != before
        assert ringing.broker.waiting_rings(POOL) == 1

    def test_a_cancelled_render_stays_cancelled(self, connections: Connections, clock: TestClock, project: str) -> None:
        job = submit_job(connections, project, 1)
        claim_some(connections)
        cancel_job(connections, job, project)

        clock.forward(LEASE_SECONDS + 1)
        reap_lost(connections, clock)

        assert statuses(connections, job) == ["cancelled"]


class TestRetiring:
    def test_a_worker_that_is_silent_is_gone_and_one_that_beats_is_not(
        self, connections: Connections, clock: TestClock
    ) -> None:
        silent = sign_on(connections)
        clock.forward(61)
        beating = sign_on(connections, status=WorkerStatus.RENDERING)

        assert retire_silent(connections, clock) == 1
        assert MarkDeadWorkers().one_pass(connections, clock()) == 0

        with read(connections.engine) as connection:
            found = {row.id: row.status for row in connection.execute(select(Worker.id, Worker.status))}
        assert found == {silent: "gone", beating: "rendering"}

    def test_the_queue_of_a_pool_holds_no_more_rings_than_workers_live(
        self, ringing: Connections, clock: TestClock, project: str
    ) -> None:
        for _ in range(3):
            sign_on(ringing)
        clock.forward(61)
        sign_on(ringing)
        retire_silent(ringing, clock)

        submit_job(ringing, project, 100)

        assert ringing.broker.waiting_rings(POOL) == 1
