"""How long workers take to start, as it was measured."""

import pytest

from scheduler.autoscale import startup_times
from scheduler.autoscale.startup_times import Startups


def test_the_time_to_start_is_the_mean_of_what_was_measured() -> None:
    known = startup_times.observe(Startups(), ready=0, desired=2, now=0, until_measured=60)
    known = startup_times.observe(known, ready=1, desired=2, now=30, until_measured=60)
    assert known.seconds(60) == 60, "two were asked for, one came"
    known = startup_times.observe(known, ready=2, desired=2, now=40, until_measured=60)
    assert known.seconds(60) == 40
    known = startup_times.observe(known, ready=2, desired=3, now=50, until_measured=60)
    known = startup_times.observe(known, ready=3, desired=3, now=110, until_measured=60)
    assert known.seconds(60) == pytest.approx(46)
    assert known.asked == ()
