"""The supervisor of a farm at which nothing is under way."""

from farm.connections import Connections
from scheduler.maintenance.duty import Duty
from scheduler.maintenance.supervisor import IDLE_AFTER_SECONDS, IDLE_INTERVAL_SECONDS, Supervisor
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import submit_job
from tests.scheduler.maintenance.test_supervisor import Counted, statements_on


class TestIdle:
    """A farm at which nothing is under way is asked little, and does not sleep through what comes."""

    def test_an_idle_farm_costs_three_statements_a_round(self, connections: Connections, clock: TestClock) -> None:
        supervisor = Supervisor(connections)
        supervisor.one_round()
        become_idle(supervisor, clock)

        with statements_on("", connections) as asked:
            supervisor.one_round()

        sent = [statement for statement in asked if not statement.startswith("BEGIN")]
        assert len(sent) <= 3, sent  # the time, the lease, whether anything is under way

    def test_what_comes_at_rest_is_looked_after_in_the_next_round(
        self, connections: Connections, clock: TestClock, project: str
    ) -> None:
        duty = Duty("counted", (counted := Counted()).one_pass, idle_interval=60.0)
        supervisor = Supervisor(connections, [duty])
        supervisor.one_round()
        become_idle(supervisor, clock)
        before = counted.passes
        supervisor.one_round()
        assert counted.passes == before

        submit_job(connections, project, 1)
        supervisor.one_round()
        supervisor.one_round()

        assert counted.passes == before + 2

    def test_a_duty_is_done_now_and_then_even_at_rest(self, connections: Connections, clock: TestClock) -> None:
        duty = Duty("counted", (counted := Counted()).one_pass, idle_interval=60.0)
        supervisor = Supervisor(connections, [duty])
        supervisor.one_round()
        become_idle(supervisor, clock)
        before = counted.passes

        clock.forward(60)
        supervisor.one_round()

        assert counted.passes == before + 1


def become_idle(supervisor: Supervisor, clock: TestClock) -> None:
    """Until it is idle and has done what it does then."""
    clock.forward(IDLE_AFTER_SECONDS + 1)
    supervisor.one_round()
    clock.forward(IDLE_INTERVAL_SECONDS)
    supervisor.one_round()
