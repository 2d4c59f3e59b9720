"""The autoscaler as a duty: what it reads, decides, writes down and asks of workers; any supervisor goes on with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from farm.accounts import create_project
from farm.catalog import load_catalog
from farm.connections import Connections
from farm.database import read, write
from farm.ids import new_id
from farm.lifecycle import WorkerStatus
from farm.settings import Settings
from farm.tables import Job, Pool, ScaleDecision, Worker
from scheduler.autoscale.autoscaler import Autoscaler
from scheduler.autoscale.scale_limits import ScaleLimits, change_limits
from scheduler.fair_share.flows import ensure_flow
from scheduler.fleet.catalog_sync import sync_catalog
from tests.scheduler.conftest import TestClock, connect
from tests.scheduler.jobs import LANE, POOL, sign_on

CHEAP, DEAR = "cheap-gpu", "dear-gpu"
CATALOG = f"""
pools:
  sana-demo-local: {{scaling: null}}
  sprint-demo-local: {{scaling: null}}
  wan-demo-local: {{scaling: null}}
  {CHEAP}: {{model: sana-demo, price_per_hour: 1.0, scaling: {{minimum: 0, maximum: 4, startup_seconds: 20}}}}
  {DEAR}: {{model: sana-demo, price_per_hour: 5.0, scaling: {{minimum: 0, maximum: 8, startup_seconds: 20}}}}
"""


@pytest.fixture
def farm(settings: Settings, tmp_path: Path, clock: TestClock) -> Iterator[Connections]:
    """A farm with two scaled pools of one lane, the second five times as dear."""
    (tmp_path / "pools.yaml").write_text(CATALOG)
    known = settings.model_copy(update={"catalog": [tmp_path / "pools.yaml"]})
    with connect(known, load_catalog(known), clock) as opened:
        sync_catalog(opened.engine, opened.catalog, clock())
        yield opened


def decide(farm: Connections, seconds: float = 10.0) -> None:
    farm.clock.forward(seconds)  # type: ignore[attr-defined]
    Autoscaler().one_pass(farm, farm.clock())


def pool(farm: Connections, name: str = CHEAP) -> Any:
    with read(farm.engine) as connection:
        return connection.execute(select(Pool.__table__).where(Pool.name == name)).one()


def asked(farm: Connections) -> set[str]:
    with read(farm.engine) as connection:
        return set(connection.scalars(select(Worker.id).where(Worker.drain_asked_at.is_not(None))))


def history(farm: Connections, name: str = CHEAP) -> list[tuple[int, int]]:
    with read(farm.engine) as connection:
        changes = select(ScaleDecision.before, ScaleDecision.after).where(ScaleDecision.pool == name)
        return [(before, after) for before, after in connection.execute(changes.order_by(ScaleDecision.at))]


def say(farm: Connections, worker: str, **columns: Any) -> None:
    with write(farm.engine) as connection:
        connection.execute(update(Worker).where(Worker.id == worker).values(**columns))


def beat_all(farm: Connections) -> None:
    with write(farm.engine) as connection:
        connection.execute(update(Worker).values(heartbeat_at=farm.clock()))


def work(farm: Connections, gpu_seconds: float) -> str:
    """A job of a project of its own that is estimated at so many GPU-seconds; returns its id."""
    project, job_id, now = create_project(farm.engine, f"p-{new_id()[-12:]}"), new_id(), farm.clock()
    with write(farm.engine) as connection:
        flow = ensure_flow(connection, lane=LANE, project_id=project, class_name="normal", weight=1.0)
        row = {"id": job_id, "project_id": project, "flow_id": flow, "lane": LANE, "model": "sana-demo"}
        counts = {"renders_total": 50, "estimate": gpu_seconds, "created_at": now}
        connection.execute(insert(Job).values(row | counts | {"title": "toy", "status": "open", "request": {}}))
    return job_id


def end(farm: Connections, job_id: str) -> None:
    with write(farm.engine) as connection:
        values = {"status": "done", "renders_done": 50, "finished_at": farm.clock()}
        connection.execute(update(Job).where(Job.id == job_id).values(values))


def test_a_pool_without_work_sleeps_and_the_first_work_wakes_it(farm: Connections) -> None:
    decide(farm)
    assert (pool(farm).desired, pool(farm, DEAR).desired) == (0, 0)

    work(farm, 5.0)
    decide(farm)
    assert (pool(farm).desired, pool(farm, DEAR).desired) == (1, 0)
    assert pool(farm).decision == "0 → 1: 5 GPU-s waiting, target 60 s, start-up 20 s"
    assert history(farm) == [(0, 1)]


def test_it_decides_once_in_autoscale_seconds_whoever_asks(farm: Connections) -> None:
    decide(farm)
    at = pool(farm).decided_at
    decide(farm, seconds=2.0)
    assert pool(farm).decided_at == at


def test_the_cheapest_pool_takes_the_work_and_its_limit_leaves_the_rest_to_the_next(farm: Connections) -> None:
    decide(farm)
    work(farm, 150.0)
    decide(farm)
    assert (pool(farm).desired, pool(farm, DEAR).desired) == (3, 0)
    work(farm, 200.0)
    decide(farm)
    assert pool(farm).desired == 4
    assert "maximum 4" in pool(farm).decision
    assert pool(farm, DEAR).desired == 3


def test_a_paused_pool_gets_no_workers_and_leaves_its_work_to_the_others(farm: Connections) -> None:
    with write(farm.engine) as connection:
        connection.execute(update(Pool).where(Pool.name == CHEAP).values(paused_at=1.0))
    work(farm, 30.0)
    decide(farm)
    assert (pool(farm).desired, pool(farm, DEAR).desired) == (0, 1)


def test_idle_workers_are_asked_to_end_and_whoever_is_in_the_middle_of_something_goes_on(farm: Connections) -> None:
    idle, clip = sign_on(farm, pool=CHEAP), sign_on(farm, pool=CHEAP, status=WorkerStatus.RENDERING)
    say(farm, clip, leased=1, busy_until=farm.clock() + 600)
    decide(farm)
    assert asked(farm) == {idle}
    # The wanted number says what may be stopped now: KEDA and people read it.
    assert pool(farm).desired == 1
    assert "until they have finished" in pool(farm).decision

    # Shortly before its end he is asked too, and finishes what he holds.
    farm.clock.forward(560)  # type: ignore[attr-defined]
    beat_all(farm)
    decide(farm)
    assert asked(farm) == {idle, clip}
    assert pool(farm).desired == 0


def test_who_follows_a_killed_worker_stays_and_the_dead_one_is_asked(farm: Connections) -> None:
    # Given a worker that was killed in the middle of something, and one that was started in its place,
    killed = sign_on(farm, pool=CHEAP, status=WorkerStatus.RENDERING)
    say(farm, killed, leased=1, busy_until=farm.clock() + 600)
    work(farm, 5.0)
    farm.clock.forward(4)  # type: ignore[attr-defined]
    follower = sign_on(farm, pool=CHEAP, status=WorkerStatus.STARTING)
    # when nobody can tell yet which of two that are one too many is dead, none is asked to end;
    decide(farm, seconds=2)
    assert (asked(farm), pool(farm).desired) == (set(), 1)
    # after some beats that did not come, it is the dead one.
    farm.clock.forward(10)  # type: ignore[attr-defined]
    say(farm, follower, heartbeat_at=farm.clock())
    decide(farm)
    assert (asked(farm), pool(farm).desired) == ({killed}, 1)


def test_another_supervisor_goes_on_with_what_the_first_one_remembered(farm: Connections) -> None:
    worker = sign_on(farm, pool=CHEAP)
    job = work(farm, 5.0)
    decide(farm)
    remembered = pool(farm).scaling_memory
    assert remembered["policy"]["needs"]["last"]

    end(farm, job)
    other = connect(farm.settings, farm.catalog, farm.clock)  # type: ignore[arg-type]
    with other:
        decide(other)
    # He who had work a moment ago is kept for a while, though nothing is left to do.
    assert pool(farm).desired == 1
    assert asked(farm) == set()
    assert "kept for a while" in pool(farm).decision
    for _ in range(4):
        beat_all(farm)
        decide(farm)
    assert asked(farm) == {worker}


def test_the_time_to_start_is_measured_from_the_decision_to_the_first_idle_moment(farm: Connections) -> None:
    decide(farm)
    work(farm, 5.0)
    decide(farm)
    decide(farm, 40.0)
    sign_on(farm, pool=CHEAP)
    decide(farm, 10.0)
    assert pool(farm).scaling_memory["startup"] == pytest.approx(50.0)
    decide(farm)
    assert "start-up 50 s" in pool(farm).decision


def test_what_workers_cost_today_counts_those_that_have_ended(farm: Connections) -> None:
    entry = farm.catalog.pools[CHEAP]
    scaling = entry.scaling.model_copy(update={"budget_per_day": 2.0})  # type: ignore[union-attr]
    farm.catalog.pools[CHEAP] = entry.model_copy(update={"scaling": scaling})
    farm.clock.now = farm.clock.now // 86_400 * 86_400 + 8 * 3600  # type: ignore[attr-defined]
    gone = sign_on(farm, pool=CHEAP)
    say(farm, gone, status="gone", started_at=farm.clock() - 7200, heartbeat_at=farm.clock() - 3)
    work(farm, 500.0)
    decide(farm)
    assert pool(farm).desired == 0
    assert "the budget of the day is spent" in pool(farm).decision


def test_a_pool_that_nobody_scales_is_left_alone(farm: Connections) -> None:
    worker = sign_on(farm, pool=POOL)
    decide(farm)
    assert pool(farm, POOL).desired is None
    assert asked(farm) == set()
    assert pool(farm, POOL).lane == LANE
    assert worker


def test_an_operators_limits_count_from_the_next_decision_on(farm: Connections) -> None:
    decide(farm)
    change_limits(farm, CHEAP, ScaleLimits(minimum=2), {"minimum"})
    decide(farm)
    assert pool(farm).desired == 2
    assert "minimum 2" in pool(farm).decision

    change_limits(farm, CHEAP, ScaleLimits(maximum=0), {"minimum", "maximum"})
    worker = sign_on(farm, pool=CHEAP, status=WorkerStatus.RENDERING)
    say(farm, worker, leased=1, busy_until=farm.clock() + 600)
    work(farm, 500.0)
    decide(farm)
    assert asked(farm) == {worker}, "it finishes what it holds"
    assert pool(farm).desired == 0

    change_limits(farm, CHEAP, ScaleLimits(), {"minimum", "maximum"})
    decide(farm)
    assert pool(farm).desired > 2
