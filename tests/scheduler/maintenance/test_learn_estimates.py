"""Learning: what was measured is learnt once, and is gone then."""

import threading

import pytest
from sqlalchemy import func, select

from farm.connections import Connections
from farm.database import read, write
from farm.ids import new_id
from farm.params import Shape
from farm.tables import BatchCurve, Observation, Regression
from scheduler.estimates.estimator import load
from scheduler.estimates.observations import Observed, insert_observations
from scheduler.maintenance import learn_estimates
from tests.scheduler.estimates.test_initial_estimate import parameters

POOL, LANE = "sana-demo-local", "sana-demo@fp32"
NOW = 5000.0


def measured(pass_seconds: float = 0.05, rows: int = 4, forwards: int = 10) -> Observed:
    """A render of the demo model at 64 × 64."""
    return Observed(
        device="cpu",
        width=64,
        height=64,
        frames=1,
        forwards=forwards,
        guided=True,
        batch_size=rows,
        steady=True,
        encode_seconds=0.01,
        pass_seconds=pass_seconds,
        decode_seconds=0.01,
        gpu_seconds=forwards * pass_seconds / rows + 0.02,
        wall_seconds=forwards * pass_seconds + 0.2,
    )


def observe(connections: Connections, count: int, pool: str = POOL) -> None:
    rows = [measured().row(render_id=new_id(), pool=pool, lane=LANE, at=NOW + index) for index in range(count)]
    with write(connections.engine) as connection:
        insert_observations(connection, rows)


def samples(connections: Connections) -> int:
    with read(connections.engine) as connection:
        return connection.scalar(select(func.coalesce(func.sum(Regression.samples), 0))) or 0


def left(connections: Connections) -> int:
    with read(connections.engine) as connection:
        return connection.scalar(select(func.count()).select_from(Observation)) or 0


def test_what_is_learnt_changes_the_estimate_and_is_removed(connections: Connections) -> None:
    entry = connections.catalog.model("sana-demo")
    render = parameters(entry, num_inference_steps=10)
    shape = Shape(64, 64, 1)
    observe(connections, 30)

    assert learn_estimates.one_pass(connections, NOW) == 30

    with read(connections.engine) as connection:
        learnt = load(connection, entry)
        points = connection.scalar(select(func.count()).select_from(BatchCurve))
    assert learnt.gpu_seconds(entry, shape, render, 4) == pytest.approx(measured().gpu_seconds, rel=0.05)
    assert learnt.gpu_seconds(entry, shape, render) == pytest.approx(measured().gpu_seconds, rel=0.05)
    assert points == 1
    assert left(connections) == 0
    assert learn_estimates.one_pass(connections, NOW) == 0


def test_two_supervisors_learn_nothing_twice(connections: Connections) -> None:
    observe(connections, 60)

    threads = [threading.Thread(target=learn_estimates.one_pass, args=(connections, NOW)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (samples(connections), left(connections)) == (60, 0)


def test_a_pass_takes_a_bounded_number(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learn_estimates, "MOST_AT_ONCE", 10)
    observe(connections, 25)

    assert [learn_estimates.one_pass(connections, NOW) for _ in range(4)] == [10, 10, 5, 0]


def test_measurements_of_a_pool_that_left_the_catalog_are_dropped(connections: Connections) -> None:
    observe(connections, 2, pool="forgotten")

    assert learn_estimates.one_pass(connections, NOW) == 2
    assert (samples(connections), left(connections)) == (0, 0)
