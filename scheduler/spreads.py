"""How ranges of single renders become ranges of many, and how long a last batch stays. Pure."""

import math

from scheduler.estimates import Range
from scheduler.outlook import LaneSight

#: What does not average out over many renders: how far off a regression is for all of them together.
LEAST_SPREAD = 0.1


def of_many(one: Range, count: int, *, learnt: bool) -> Range:
    """GPU-seconds of `count` renders alike. Their noise averages out, a wrong seed does not."""
    if one.likely <= 0:
        return one.times(count)
    shrink = 1 / math.sqrt(count) if learnt else 1.0
    low, high = (_spread(math.log(bound / one.likely), shrink, learnt=learnt) for bound in (one.low, one.high))
    whole = one.likely * count
    return Range(whole * math.exp(min(low, 0.0)), whole, whole * math.exp(max(high, 0.0)))


def last_batch(sight: LaneSight, each: float, renders: int) -> tuple[float, Range]:
    """GPU-seconds of the last batch of so many renders that wait, and how long it stays with its worker."""
    usual = [pool.times.usual_batch for pool in sight.open_pools if pool.times.samples]
    rows = min(max(usual, default=1.0), max(renders, 1))
    work = each * rows
    return work, sight.stay().times(work)


def _spread(logarithm: float, shrink: float, *, learnt: bool) -> float:
    """The logarithm of a bound over the likely value, for the mean of many."""
    if not learnt:
        return logarithm
    least = min(abs(logarithm), LEAST_SPREAD)
    return math.copysign(max(abs(logarithm) * shrink, least), logarithm)
