"""What a scheduler counts while somebody reads: its duties, lost leases, the statements it sends."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from farm.connections import Connections
from farm.metrics.process_metrics import OF_SCHEDULERS
from farm.serve_metrics import readable
from farm.settings import Settings
from scheduler.maintenance.duty import Duty
from scheduler.maintenance.reap_leases import ReapLeases
from scheduler.maintenance.supervisor import Supervisor
from tests.farm.test_metrics import free_port
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import LEASE_SECONDS, claim_some, submit_job

__all__ = ["free_port"]


def broken(connections: Connections, now: float) -> int:
    raise ZeroDivisionError("no such luck")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_scheduler_tells_of_its_duties_and_of_leases_that_were_lost(
    connections: Connections, settings: Settings, clock: TestClock, project: str, free_port: int
) -> None:
    connections.settings = settings.model_copy(update={"metrics_port": free_port})
    submit_job(connections, project, 3)
    claim_some(connections, 2)
    with readable(connections, "scheduler", OF_SCHEDULERS):
        supervisor = Supervisor(connections, [Duty("reap_leases", ReapLeases().one_pass), Duty("broken", broken)])
        for _ in range(5):
            clock.forward(LEASE_SECONDS / 2)
            supervisor.one_round()
        text = httpx.get(f"http://127.0.0.1:{free_port}/metrics", verify=False, trust_env=False).text

    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in parse(text)
        for sample in family.samples
    }
    assert found["farm_supervisor_acts",] == 1
    assert found["farm_lost_leases_total",] == 2
    assert found["farm_duty_failures_total", "broken"] == 5
    assert found["farm_duty_changes_total", "reap_leases"] == 1  # a job
    assert found["farm_duty_pass_seconds_count", "reap_leases"] == 5
    assert found["farm_database_statement_seconds_count", "update"] > 0
    assert found["farm_database_errors_total",] == 0
