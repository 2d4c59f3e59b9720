"""The fluid model: when work starts and ends behind what is before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.estimates.pool_times import Range
from scheduler.forecasts.start_times import FlowWork, Forecast, Wanted, Workers, forecast

SHARES = {"urgent": 16.0, "normal": 4.0, "bulk": 1.0}
ONE = Range(1.0, 1.0, 1.0)


def ask(
    wanted: Wanted,
    *flows: FlowWork,
    running: float = 0.0,
    workers: tuple[Workers, ...] = (Workers(1, ONE),),
    idle: bool = False,
) -> Forecast:
    found = forecast(wanted, flows, running, workers, SHARES, idle=idle)
    assert found is not None
    return found


def done(found: Forecast) -> float:
    assert found.done_in is not None
    return found.done_in.likely


def starts(found: Forecast) -> float:
    assert found.starts_in is not None
    return found.starts_in.likely


def flow(name: str, gpu_seconds: float, class_name: str = "normal", weight: float = 1.0) -> FlowWork:
    return FlowWork(name, class_name, weight, gpu_seconds)


def test_alone_on_an_idle_farm_it_starts_now_and_takes_its_turnaround() -> None:
    found = ask(Wanted("a", 0.0, 10.0, last_batch=10.0, turnaround=Range(9.0, 12.0, 15.0)), flow("a", 10.0), idle=True)
    assert (starts(found), done(found)) == (0.0, 12.0)


def test_behind_its_own_flow_it_waits_for_what_is_before_it() -> None:
    found = ask(Wanted("a", 30.0, 10.0), flow("a", 40.0), running=5.0)
    assert (starts(found), done(found)) == (35.0, 45.0)


def test_flows_of_one_class_share_by_weight_until_one_runs_dry() -> None:
    # Of three workers' speed 'a' gets a quarter until 'b' has had its 30: then all of it.
    found = ask(Wanted("a", 0.0, 20.0), flow("a", 20.0), flow("b", 30.0, weight=3.0))
    assert done(found) == pytest.approx(50.0)


def test_an_urgent_picture_passes_a_bulk_monster() -> None:
    found = ask(Wanted("a", 0.0, 16.0), flow("a", 16.0, "urgent"), flow("b", 1e6, "bulk"))
    assert done(found) == pytest.approx(17.0)


def test_workers_that_are_starting_help_when_they_are_ready() -> None:
    workers = (Workers(1, ONE), Workers(3, ONE, after=60.0))
    assert done(ask(Wanted("a", 0.0, 100.0), flow("a", 100.0), workers=workers)) == pytest.approx(70.0)
    assert starts(ask(Wanted("a", 0.0, 1.0), flow("a", 1.0), workers=workers[1:])) == 60.0


def test_nobody_there_and_nobody_coming_is_no_forecast() -> None:
    assert forecast(Wanted("a", 0.0, 1.0), [flow("a", 1.0)], 0.0, [], SHARES, idle=False) is None
    assert forecast(Wanted("a", 0.0, 1.0), [flow("a", 1.0)], 0.0, [Workers(0, ONE)], SHARES, idle=False) is None


def test_what_may_not_start_yet_does_not() -> None:
    found = ask(Wanted("a", 0.0, 1.0, not_before=500.0, turnaround=Range(2.0, 2.0, 2.0)), flow("a", 1.0))
    assert (starts(found), done(found)) == (500.0, 502.0)


def test_what_runs_has_no_start_any_more() -> None:
    assert ask(Wanted("a", 0.0, 1.0, runs=True), flow("a", 1.0)).starts_in is None


@given(
    st.lists(st.tuples(st.sampled_from(sorted(SHARES)), st.floats(0.1, 8.0), st.floats(0.0, 1e5)), max_size=20),
    st.floats(0.0, 1e4),
    st.floats(0.001, 1e4),
    st.integers(1, 50),
)
def test_the_range_is_in_order_and_all_work_is_done_when_the_last_flow_is(
    others: list[tuple[str, float, float]], before: float, own: float, count: int
) -> None:
    flows = [flow(f"o{i}", seconds, name, weight) for i, (name, weight, seconds) in enumerate(others)]
    workers = (Workers(count, Range(0.5, 0.8, 1.0)),)
    wanted = Wanted("a", before, own, turnaround=Range(0.1, 0.2, 0.4), work=Range(0.7, 1.0, 1.6))

    found = ask(wanted, flow("a", before + own), *flows, workers=workers)

    assert found.starts_in is not None
    assert found.done_in is not None
    for told in (found.starts_in, found.done_in):
        assert 0.0 <= told.low <= told.likely <= told.high
    assert found.starts_in.likely <= found.done_in.likely
    everything = before + own + sum(other.gpu_seconds for other in flows)
    assert found.done_in.likely <= everything / (0.8 * count) * 1.0001 + 0.3
