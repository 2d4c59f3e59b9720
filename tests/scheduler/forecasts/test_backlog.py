"""The backlog: what waits, what runs, and what may not run yet."""

from typing import Any

import pytest
from sqlalchemy import Engine, insert, update

from farm.database import read, write
from farm.tables import Dependency, Flow, Job, Lane
from scheduler.forecasts.backlog import Backlog, Work, backlog
from tests.scheduler.farms import LANE, SmallFarm


@pytest.fixture
def farm(engine: Engine) -> SmallFarm:
    return SmallFarm(engine)


def submit(farm: SmallFarm, renders: int, project: str = "ada", class_name: str = "normal", **columns: Any) -> str:
    """A job whose renders are estimated at 2 GPU-seconds each."""
    job_id, _ = farm.submit(renders, project, class_name, estimate=2.0)
    with write(farm.engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values({"estimate": 2.0 * renders} | columns))
    return job_id


def look(farm: SmallFarm) -> Backlog:
    with read(farm.engine) as connection:
        return backlog(connection, LANE, farm.now)


def test_a_lane_without_work_has_no_backlog(farm: SmallFarm) -> None:
    found = look(farm)
    assert (found.renders, found.gpu_seconds, found.by_flow, found.oldest_wait(farm.now)) == (0, 0.0, {}, 0.0)


def test_what_waits_is_counted_by_flow_and_in_all(farm: SmallFarm) -> None:
    submit(farm, 3)
    submit(farm, 1)
    submit(farm, 5, "bo", "bulk", created_at=900.0)

    found = look(farm)

    assert (found.renders, found.gpu_seconds) == (9, 18.0)
    assert {flow.class_name: flow.waiting for flow in found.by_flow.values()} == {
        "normal": Work(4, 8.0),
        "bulk": Work(5, 10.0),
    }
    assert found.oldest_wait(farm.now) == 100.0


def test_what_runs_does_not_wait_any_more(farm: SmallFarm) -> None:
    submit(farm, 5)
    assert farm.claim(capacity=2) is not None

    found = look(farm)

    assert (found.renders, found.gpu_seconds) == (3, 6.0)
    assert found.running == Work(2, 2.0)


@pytest.mark.parametrize("columns", [{"status": "paused"}, {"not_before": 5000.0}])
def test_a_job_that_may_not_run_is_counted_apart(farm: SmallFarm, columns: dict[str, Any]) -> None:
    submit(farm, 2, **columns)
    submit(farm, 1)

    found = look(farm)

    assert (found.renders, found.gpu_seconds) == (1, 2.0)
    assert found.held == Work(2, 4.0)


def test_a_job_behind_another_is_held_until_that_has_ended(farm: SmallFarm) -> None:
    first, second = submit(farm, 1), submit(farm, 3)
    with write(farm.engine) as connection:
        connection.execute(insert(Dependency).values(job_id=second, after_id=first))
    assert (look(farm).renders, look(farm).held.renders) == (1, 3)

    with write(farm.engine) as connection:
        connection.execute(update(Dependency).values(resolved_at=farm.now))

    assert (look(farm).renders, look(farm).held.renders) == (4, 0)


@pytest.mark.parametrize("table", [Flow, Lane])
def test_nothing_of_a_paused_flow_or_lane_waits_for_a_worker(farm: SmallFarm, table: type[Any]) -> None:
    submit(farm, 4)
    with write(farm.engine) as connection:
        connection.execute(update(table).values(paused_at=farm.now))

    assert (look(farm).renders, look(farm).held) == (0, Work(4, 8.0))
