"""The budget of a day: what runs until the next decision never exceeds it."""

import math

from hypothesis import given
from hypothesis import strategies as st

from scheduler.autoscale.daily_budget import DAY, affordable

MIDNIGHT = 20_000 * DAY


@given(spent=st.floats(0, 20), now=st.floats(0, DAY), price=st.floats(0.01, 100), interval=st.floats(1, 60))
def test_a_budget_is_never_exceeded_by_what_runs_until_the_next_decision(
    spent: float, now: float, price: float, interval: float
) -> None:
    workers = affordable(10.0, spent=spent, price_per_hour=price, now=MIDNIGHT + now, interval=interval)
    assert workers >= 0
    if workers:
        assert spent + workers * price / 3600 * interval <= 10.0 * (1 + 1e-9)


def test_without_a_price_a_budget_says_nothing() -> None:
    assert affordable(10.0, spent=0, price_per_hour=0, now=0, interval=10) == math.inf
    assert affordable(None, spent=0, price_per_hour=9, now=0, interval=10) == math.inf
