"""How many renders share a batch, by the measured curve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.batching.batch_size_per_pass import CurvePoint, batch_size, pass_seconds, sizes


def curve(**seconds: float) -> list[CurvePoint]:
    """s1=0.5, s2=0.6: a pass of one row takes half a second, one of two rows 0.6."""
    return [CurvePoint(int(name[1:]), value) for name, value in seconds.items()]


#: 512²: twice the rows cost little. 1024²: twice the rows cost twice the time.
SMALL = curve(s1=1.0, s2=1.1, s4=1.4, s8=2.5)
LARGE = curve(s1=1.0, s2=1.96, s4=3.92, s8=7.84)


def test_without_measurements_the_operators_limit_is_taken() -> None:
    assert batch_size([], most=8) == 8


def test_a_batch_grows_while_each_doubling_pays() -> None:
    assert batch_size(SMALL, most=8) == 8
    assert batch_size(SMALL, most=4) == 4


def test_a_batch_that_would_bring_two_percent_is_not_waited_for() -> None:
    assert batch_size(LARGE, most=8) == 1


def test_the_margin_says_what_pays() -> None:
    points = curve(s1=1.0, s2=1.92)  # 4.2 % more a second
    assert batch_size(points, most=2, pays=0.05) == 1
    assert batch_size(points, most=2, pays=0.03) == 2


def test_a_doubling_that_pays_later_is_not_hidden_by_one_that_does_not() -> None:
    assert batch_size(curve(s1=1.0, s2=2.0, s4=2.0, s8=4.0), most=8) == 4


def test_what_is_not_known_is_tried_one_doubling_at_a_time() -> None:
    assert batch_size(curve(s1=1.0), most=16) == 2
    assert batch_size(curve(s1=1.0, s2=1.1), most=16) == 4
    assert batch_size(curve(s1=1.0, s2=1.1, s4=1.2), most=16) == 8
    assert batch_size(curve(s1=1.0, s2=1.1, s4=1.2), most=6) == 6


def test_a_size_that_did_not_pay_ends_the_trying() -> None:
    assert batch_size(curve(s1=1.0, s2=2.0), most=16) == 1


def test_one_slow_measurement_does_not_rule_a_size_out() -> None:
    slow_once = [CurvePoint(1, 1.0), CurvePoint(2, 5.0, samples=2)]
    assert batch_size(slow_once, most=8) == 2


def test_when_only_the_largest_was_measured_the_half_of_it_is_tried() -> None:
    assert batch_size(curve(s8=4.0), most=8) == 4
    assert batch_size(curve(s4=3.9, s8=4.0), most=8) == 8
    assert batch_size(curve(s4=2.0, s8=4.0), most=8) == 2
    assert batch_size(curve(s2=1.0, s4=2.0, s8=4.0), most=8) == 1
    assert batch_size(curve(s1=0.5, s2=1.0, s4=2.0, s8=4.0), most=8) == 1


def test_a_limit_that_memory_has_set_is_kept() -> None:
    assert batch_size(curve(s2=0.9, s4=1.0, s8=1.1), most=3) == 3
    assert batch_size(SMALL, most=1) == 1


def test_all_that_wait_are_taken_at_once_when_nobody_is_behind_them() -> None:
    # Three pictures and nothing else: together they end no later than one after the other.
    assert batch_size(LARGE, most=8, waiting=3) == 3
    # More than fit, or nobody knows how many: those behind would wait for the whole batch.
    assert batch_size(LARGE, most=8, waiting=9) == 1
    assert batch_size(LARGE, most=8, waiting=None) == 1


def test_all_at_once_is_not_taken_where_it_is_slower_than_one_by_one() -> None:
    worse = curve(s1=1.0, s2=2.5, s4=6.0)
    assert batch_size(worse, most=4, waiting=3) == 1


def test_between_two_measured_sizes_time_is_on_the_line() -> None:
    points = curve(s2=1.0, s4=2.0)
    assert pass_seconds(points, 3) == pytest.approx(1.5)
    assert pass_seconds(points, 4) == 2.0
    assert pass_seconds(points, 1) is None
    assert pass_seconds(points, 5) is None


def test_sizes_are_the_powers_of_two_and_the_limit() -> None:
    assert (sizes(1), sizes(6), sizes(8)) == ([1], [1, 2, 4, 6], [1, 2, 4, 8])


POINTS = st.lists(
    st.builds(CurvePoint, st.integers(1, 64), st.floats(1e-4, 1e3), st.integers(1, 50)),
    unique_by=lambda point: point.batch_size,
    max_size=8,
)


@given(points=POINTS, most=st.integers(1, 64), waiting=st.none() | st.integers(1, 200))
def test_every_curve_gives_a_batch_within_its_limits(points: list[CurvePoint], most: int, waiting: int | None) -> None:
    assert 1 <= batch_size(points, most=most, waiting=waiting) <= most


@given(seconds=st.lists(st.floats(0.01, 10.0), min_size=4, max_size=4))
def test_trying_ends_and_no_doubling_that_pays_is_left(seconds: list[float]) -> None:
    truth, known = dict(zip((1, 2, 4, 8), seconds, strict=True)), dict[int, CurvePoint]()
    for _ in range(5):
        size = batch_size(list(known.values()), most=8)
        known[size] = CurvePoint(size, truth[size])
    settled = batch_size(list(known.values()), most=8)
    assert settled in known, "after five batches nothing new is tried"
    for other in (settled * 2, settled // 2):
        if other in truth:
            worth = known[settled].rate / 1.05 ** (settled > other)
            assert worth >= other / truth[other] / 1.05 ** (other > settled) - 1e-9
