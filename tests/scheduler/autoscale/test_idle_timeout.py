"""How long an idle worker is kept: by how long it was not needed before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.autoscale import idle_timeout
from scheduler.autoscale.idle_timeout import Needs, best_idle_timeout


class TestIdleIntervals:
    def test_without_experience_a_worker_is_kept_for_one_start_up(self) -> None:
        assert best_idle_timeout((), 60) == pytest.approx(60, rel=0.02)

    def test_after_long_idle_intervals_it_is_released_at_once_and_after_short_ones_it_is_kept_through_them(
        self,
    ) -> None:
        assert best_idle_timeout([900, 1200, 700, 3000], 60) == 0
        assert best_idle_timeout([20, 25, 30, 2000, 22, 28] * 4, 60) == 30

    @given(st.lists(st.floats(0.1, 1000), max_size=24), st.floats(1, 300))
    def test_it_would_never_have_cost_more_than_twice_the_best(self, seen: list[float], startup: float) -> None:
        keep = best_idle_timeout(seen, startup)
        assert 0 <= keep <= startup
        everything = [*seen, startup * 0.99, startup * 0.99]
        mine = sum(idle_interval if idle_interval <= keep else keep + startup for idle_interval in everything)
        assert mine <= 2 * sum(min(idle_interval, startup) for idle_interval in everything) + 1e-6

    def test_each_rank_learns_from_its_own_idle_intervals(self) -> None:
        needs = Needs()
        for at in range(0, 6000, 50):
            needs = idle_timeout.observe(needs, 8 if at % 1000 == 0 else 1, float(at), shortest=15)
            needs = idle_timeout.observe(needs, 0, at + 10.0, shortest=15)
        # The first is back every 50 s, the eighth every 1,000 s.
        needs = idle_timeout.observe(needs, 8, 6000.0, shortest=15)
        assert idle_timeout.kept(needs, 6040.0, startup=60) == 1
        assert best_idle_timeout(needs.idle_intervals["3"], 60) == 0

    @settings(max_examples=50)
    @given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
    def test_it_remembers_when_each_number_was_needed_last(self, needed: list[int]) -> None:
        needs = Needs()
        for second, need in enumerate(needed):
            needs = idle_timeout.observe(needs, need, float(second), shortest=0.5)
        for level in range(1, 31):
            seen = [second for second, need in enumerate(needed) if need >= level]
            known = [at for workers, at in needs.last if workers >= level]
            assert max(known, default=None) == (seen[-1] if seen else None)
