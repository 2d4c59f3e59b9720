"""The farm's clock is the database's, whatever the machine believes."""

import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from farm.accounts import authenticate, create_key, create_project
from farm.clock_skew import clock_skews
from farm.clock_words import clock_words
from farm.connections import Connections
from farm.database import make_engine
from farm.farm_clock import FarmClock
from farm.settings import Settings

HOUR = 3600.0


class Steady:
    """A steady clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("off", [-HOUR, -60.0, 0.0, HOUR])
def test_a_machine_whose_clock_is_off_tells_the_databases_time(engine: Engine, off: float) -> None:
    clock = FarmClock(engine, wall=lambda: time.time() + off)

    assert abs(clock() - time.time()) < 60  # the servers are on this machine
    assert clock.skew == pytest.approx(off, abs=5)


def test_between_two_measurements_the_steady_clock_goes_on_and_nothing_else_matters(engine: Engine) -> None:
    steady, wall = Steady(), [1e9]
    clock = FarmClock(engine, wall=lambda: wall[0], steady=steady)
    began = clock()

    steady.now += 7
    wall[0] -= 5 * HOUR

    assert clock() - began == pytest.approx(7)


def test_a_clock_that_drifted_or_slept_is_right_after_the_next_measurement(engine: Engine) -> None:
    steady = Steady()
    clock = FarmClock(engine, steady=steady)
    began = clock()
    steady.now += 2 * HOUR  # nothing of the sort has passed

    assert clock() - began == pytest.approx(2 * HOUR)
    assert clock.measure(older_than=3 * HOUR) - began == pytest.approx(2 * HOUR)  # not yet
    assert clock.measure() - began < HOUR


def test_measuring_again_does_not_make_it_tremble(engine: Engine) -> None:
    clock = FarmClock(engine)
    told = []
    for _ in range(50):
        told += [clock(), clock.measure(), clock()]

    assert told == sorted(told)


def test_without_a_database_it_says_what_the_machine_believes_and_is_right_once_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "farm.sqlite3"
    path.mkdir()  # no database can be opened there
    steady = Steady()
    clock = FarmClock(make_engine(f"sqlite:///{path}"), wall=lambda: 1234.0, steady=steady)

    assert clock() == 1234.0
    assert clock.skew is None
    with pytest.raises(SQLAlchemyError):
        clock.measure()

    path.rmdir()
    assert clock() == 1234.0  # it was asked a moment ago: nobody is kept waiting at every look at the clock
    steady.now += 10
    assert clock() > 1e9


def test_a_key_lives_as_long_as_it_should_though_a_machines_clock_is_slow(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = create_project(engine, "ada")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - HOUR)

    key = create_key(engine, project, seconds=900)

    assert authenticate(engine, key.secret, FarmClock(engine)()) is not None
    assert authenticate(engine, key.secret, FarmClock(engine)() + 1000) is None


def test_the_skews_name_this_machine_first(database_url: str, tmp_path: Path) -> None:
    with Connections.open(Settings(data_dir=tmp_path, database_url=SecretStr(database_url))) as connections:
        [here] = clock_skews(connections)

    assert here.host is None
    assert not here.refused


@pytest.mark.parametrize(
    ("skew", "words"),
    [
        (None, ""),
        (1.5, ""),
        (-3.21, "3.2 s behind"),
        (3600.0, "60 min ahead"),
        (-7200.0, "2 h behind"),
        (9e5, "10 days ahead"),
    ],
)
def test_a_skew_in_words(skew: float | None, words: str) -> None:
    assert clock_words(skew) == words
