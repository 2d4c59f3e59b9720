"""How much work arrives in a second: a flow, not what came once."""

import pytest

from scheduler.autoscale.arrivals import Arrivals, observe


def test_one_large_job_is_no_flow() -> None:
    arrivals = Arrivals()
    for second in range(0, 2400, 10):
        rate = 500.0 if second == 600 else 2.0
        arrivals = observe(arrivals, rate, float(second), span=60)
    assert arrivals.flow() == pytest.approx(2.0)
