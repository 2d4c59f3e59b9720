"""The batch curves as they are learnt and read, on both databases."""

from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Engine

from farm.database import read, write
from scheduler.batching import batch_curves
from scheduler.batching.batch_curves import Shape
from tests.scheduler.farms import LANE, SmallFarm

SHAPE = Shape(64, 64, 1)


@dataclass(frozen=True)
class Measured:
    lane: str = LANE
    device: str = "cpu"
    width: int = 64
    height: int = 64
    frames: int = 1
    batch_size: int = 1
    steady: bool = True
    pass_seconds: float = 1.0
    at: float = 1000.0


@pytest.fixture
def farm(engine: Engine) -> SmallFarm:
    return SmallFarm(engine)


def learn(farm: SmallFarm, *measured: Measured) -> None:
    with write(farm.engine) as connection:
        batch_curves.learn(connection, measured)


def points(farm: SmallFarm, device: str = "cpu", shape: Shape = SHAPE) -> dict[int, float]:
    with read(farm.engine) as connection:
        return {point.batch_size: point.pass_seconds for point in batch_curves.read(connection, LANE, device, shape)}


def test_a_curve_has_a_point_for_each_size_by_device_and_shape(farm: SmallFarm) -> None:
    learn(farm, Measured(), Measured(batch_size=4, pass_seconds=2.0), Measured(device="cuda", pass_seconds=0.1))
    learn(farm, Measured(width=128, pass_seconds=3.0))
    assert points(farm) == {1: 1.0, 4: 2.0}
    assert points(farm, device="cuda") == {1: 0.1}
    assert points(farm, shape=Shape(128, 64, 1)) == {1: 3.0}
    assert points(farm, shape=Shape(64, 64, 9)) == {}
    with read(farm.engine) as connection:
        assert len(batch_curves.read_all(connection, LANE)) == 3
        assert len(batch_curves.read_all(connection, LANE, device="cpu")) == 2


def test_renders_whose_passes_had_different_sizes_make_no_point(farm: SmallFarm) -> None:
    learn(farm, Measured(steady=False))
    learn(farm)
    assert points(farm) == {}


def test_the_first_measurements_are_averaged_and_later_ones_still_count(farm: SmallFarm) -> None:
    learn(farm, Measured(pass_seconds=1.0), Measured(pass_seconds=3.0))
    assert points(farm) == {1: pytest.approx(2.0)}
    learn(farm, *[Measured(pass_seconds=2.0)] * 200)
    learn(farm, *[replace(Measured(), pass_seconds=4.0, at=2000.0)] * 40)  # the device got slower
    assert points(farm)[1] == pytest.approx(4.0, abs=0.05)
    with read(farm.engine) as connection:
        [curve] = batch_curves.read_all(connection, LANE)
    assert (curve.updated_at, curve.points[0].samples) == (2000.0, 242)
