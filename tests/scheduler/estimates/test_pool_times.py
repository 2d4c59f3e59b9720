"""What a pool learns about its renders: level, shape, batch; it follows a changed machine and doubts a stalled one."""

import json
import math
import random
from collections.abc import Iterator

import pytest

from farm.catalog import load_catalog
from farm.params import Shape
from farm.settings import Settings
from scheduler.estimates.conformal_scores import COVERAGE
from scheduler.estimates.estimator import Estimator, seeded
from scheduler.estimates.initial_estimate import demand_of, demand_seen, gpu_seconds
from scheduler.estimates.observations import Observed
from scheduler.estimates.pool_times import PoolTimes
from tests.scheduler.estimates.test_initial_estimate import parameters

ENTRY = load_catalog(Settings()).model("sana-demo")


def machine(dice: random.Random, speed: float = 1.0, noise: float = 0.08) -> Iterator[Observed]:
    """Renders of mixed shapes, steps and batches on a machine whose passes cost 4 ms and something for the pixels."""
    while True:
        width, height = dice.choice([64, 96, 128]), dice.choice([64, 128])
        guided, rows, forwards = dice.random() < 0.8, dice.choice([1, 1, 2, 4, 8]), dice.choice([4, 8, 20, 30])
        megapixels = width * height / 1e6
        pixels = rows * (1.0 if guided else 0.5) * megapixels
        one_pass = speed * (0.004 + 1.1 * pixels) * math.exp(dice.gauss(0, noise))
        rest = speed * (0.003 + 2 * megapixels) * math.exp(dice.gauss(0, noise))
        spent = forwards * one_pass / rows + rest
        yield Observed(
            "cpu", width, height, 1, forwards, guided, rows, True, rest / 3, one_pass, rest * 2 / 3, spent, spent * rows
        )


def taught(times: PoolTimes, source: Iterator[Observed], count: int) -> PoolTimes:
    for _ in range(count):
        times = times.learn(ENTRY, [next(source)])
    return times


def errors(times: PoolTimes, source: Iterator[Observed], count: int = 60) -> float:
    """The mean factor by which estimates are off, as a logarithm."""
    seen = [next(source) for _ in range(count)]
    return sum(
        abs(math.log(one.gpu_seconds / times.seconds(ENTRY, demand_seen(ENTRY, one), one.batch_size))) for one in seen
    ) / len(seen)


def test_before_the_first_render_the_catalog_speaks() -> None:
    render, shape = parameters(ENTRY), Shape(128, 96, 1)
    assert seeded(ENTRY).gpu_seconds(ENTRY, shape, render) == gpu_seconds(ENTRY, shape, render)
    told = seeded(ENTRY).range(ENTRY, shape, render)
    assert told.low < told.likely / 2 < told.likely * 2 < told.high


@pytest.mark.parametrize("speed", [1.0, 50.0, 0.02])
def test_it_learns_any_machine_within_forty_renders(speed: float) -> None:
    source = machine(random.Random(3), speed)
    assert errors(taught(PoolTimes.seeded(ENTRY), source, 40), source) < 0.25


@pytest.mark.parametrize("factor", [3.0, 0.25])
def test_it_follows_a_machine_that_changed(factor: float) -> None:
    dice = random.Random(4)
    times = taught(PoolTimes.seeded(ENTRY), machine(dice), 300)
    now = machine(dice, factor)
    assert errors(taught(times, now, 30), now) < 0.25


def test_a_machine_that_stalled_once_moves_little() -> None:
    dice = random.Random(5)
    source = machine(dice)
    times = taught(PoolTimes.seeded(ENTRY), source, 200)
    stalled = machine(dice, 30.0)
    assert errors(times.learn(ENTRY, [next(stalled) for _ in range(8)]), source) < 0.15


def test_four_of_five_renders_fall_inside_their_range() -> None:
    source = machine(random.Random(6), noise=0.2)
    times = taught(PoolTimes.seeded(ENTRY), source, 60)
    known: list[bool] = []
    guessed: list[bool] = []
    for _ in range(400):
        one = next(source)
        demand = demand_seen(ENTRY, one)
        for hits, told in (
            (known, times.range(ENTRY, demand, one.batch_size)),
            (guessed, times.range(ENTRY, demand)),
        ):
            hits.append(told.low <= one.gpu_seconds <= told.high)
        times = times.learn(ENTRY, [one])
    assert sum(known) / len(known) == pytest.approx(COVERAGE, abs=0.08)
    assert sum(guessed) / len(guessed) == pytest.approx(COVERAGE, abs=0.08)


def test_a_batch_makes_a_render_cheaper_and_a_deterministic_one_pays_its_whole_passes() -> None:
    times = taught(PoolTimes.seeded(ENTRY), machine(random.Random(7)), 100)
    estimator = Estimator({"pool": times})
    shape, render = Shape(64, 64, 1), parameters(ENTRY)
    alone, eight = (estimator.gpu_seconds(ENTRY, shape, render, rows) for rows in (1, 8))
    assert eight < alone
    demand = demand_of(shape, render)
    shared = demand.forwards * times.pass_seconds(demand, 8) / 8
    assert eight == pytest.approx(shared + times.rest.predict((1.0, demand.megapixels)))
    deterministic = parameters(ENTRY, deterministic=True)
    assert estimator.gpu_seconds(ENTRY, shape, deterministic) == pytest.approx(alone)


def test_the_state_survives_json_and_another_seed_begins_anew() -> None:
    times = taught(PoolTimes.seeded(ENTRY), machine(random.Random(8)), 20)
    state = json.loads(json.dumps(times.state()))
    assert PoolTimes.loaded(ENTRY, state) == times
    older = {"known_scores": "alone_scores", "overheads": "stays", "waited": "spell"}
    assert PoolTimes.loaded(ENTRY, {older.get(name, name): value for name, value in state.items()}) == times
    assert PoolTimes.loaded(ENTRY, state | {"seed": 77.0}) == PoolTimes.seeded(ENTRY)
    assert PoolTimes.loaded(ENTRY, {}) == PoolTimes.seeded(ENTRY)


def test_impossible_measurements_are_not_learnt() -> None:
    nonsense = Observed("cpu", 64, 64, 1, 10, True, 1, True, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert PoolTimes.seeded(ENTRY).learn(ENTRY, [nonsense]) == PoolTimes.seeded(ENTRY)


def test_speed_is_taken_while_work_waits() -> None:
    times = PoolTimes.seeded(ENTRY)
    for second in range(61):
        times = times.watched(float(second), 1.4, workers=2, waiting=True)
    assert times.busy == pytest.approx((0.7, 0.7, 0.7))
    assert times.watched(61.0, 1.4, workers=2, waiting=False).waited is None
