"""The clairvoyant bound: compared with every capacity curve there is, on traces small enough for that."""

import itertools
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.simulate.results.lower_bound import Work, cheapest

SLOT = 10.0
WORK = st.lists(st.builds(Work, st.integers(0, 39).map(float), st.integers(1, 24).map(float)), min_size=1, max_size=5)


def cheapest_of_all(work: Sequence[Work], within: float, startup: float, most: int) -> float:
    """Worker-seconds of the cheapest curve of up to `most` workers, by the definition: every curve is tried."""
    slots = math.ceil((max(item.at for item in work) + within) / SLOT + 1e-9)

    def arrived(before: float) -> float:
        return sum(item.gpu_seconds for item in work if item.at < before)

    best = math.inf
    for curve in itertools.product(range(most + 1), repeat=slots):
        served, cost = 0.0, 0.0
        for place, (before, workers) in enumerate(itertools.pairwise((0, *curve))):
            end = (place + 1) * SLOT
            served = min(arrived(end), served + SLOT * workers)
            cost += SLOT * workers + startup * max(0, workers - before)
            if served < (arrived(end - within) if place < slots - 1 else arrived(math.inf)):
                break
        else:
            best = min(best, cost)
    return best


class TestCheapest:
    @given(work=WORK, within=st.integers(0, 20).map(float), startup=st.sampled_from([0.0, 5.0, 15.0, 30.0]))
    @settings(max_examples=40, deadline=None, derandomize=True)
    def test_no_curve_is_cheaper_and_one_costs_as_much(self, work: list[Work], within: float, startup: float) -> None:
        found = cheapest(work, within, startup_seconds=startup, price_per_hour=3600, slot_seconds=SLOT, grain=10)
        # More than all the work in one slot is never of use.
        most = min(5, math.ceil(sum(item.gpu_seconds for item in work) / SLOT))
        other = cheapest_of_all(work, within, startup, most)
        assert found.cost <= other + 1e-9
        if max(found.workers) <= most:
            assert found.cost == pytest.approx(other)

    def test_steady_work_needs_steady_workers(self) -> None:
        work = [Work(at, 3.0) for at in range(600)]
        found = cheapest(work, 60.0, startup_seconds=90.0, price_per_hour=1.0)
        assert max(found.workers) <= 4
        assert found.worker_seconds >= 1800 + 90

    def test_who_may_wait_longer_pays_less(self) -> None:
        work = [Work(0.0, 600.0), Work(1800.0, 600.0)]
        costs = [cheapest(work, within, startup_seconds=90, price_per_hour=1).cost for within in (60, 300, 3600)]
        assert costs == sorted(costs, reverse=True)
        assert costs[0] > costs[-1]

    def test_no_work_costs_nothing(self) -> None:
        assert cheapest([], 60.0, startup_seconds=90.0, price_per_hour=1.0).cost == 0
