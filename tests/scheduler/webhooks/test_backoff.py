"""Pauses between attempts grow, have a bound, and come to an end after days."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scheduler.webhooks.backoff import FIRST_SECONDS, JITTER, LONGEST_SECONDS, MAX_ATTEMPTS, retry_seconds

DAY = 86_400.0
CHANCES = st.lists(st.floats(0, 1), min_size=MAX_ATTEMPTS - 1, max_size=MAX_ATTEMPTS - 1)


@given(CHANCES)
def test_pauses_grow_up_to_a_bound_and_last_for_days(chances: list[float]) -> None:
    pauses = [retry_seconds(failed, chance) for failed, chance in enumerate(chances, start=1)]
    known = [pause for pause in pauses if pause is not None]
    assert len(known) == MAX_ATTEMPTS - 1
    assert all(FIRST_SECONDS * (1 - JITTER) <= pause <= LONGEST_SECONDS * (1 + JITTER) for pause in known)
    assert all(later > earlier for earlier, later in pairwise(known) if later < LONGEST_SECONDS * (1 - JITTER))
    assert 1.5 * DAY < sum(known) < 4 * DAY


@given(st.integers(MAX_ATTEMPTS, 2**31), st.floats(0, 1))
def test_after_the_last_attempt_there_is_no_other(failed: int, chance: float) -> None:
    assert retry_seconds(failed, chance) is None
