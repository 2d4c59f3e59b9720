"""How ranges of single renders become ranges of many, and how long a last batch stays. Pure."""

import math

from farm.catalog import ModelEntry
from scheduler.estimates.initial_estimate import default_demand
from scheduler.estimates.pool_times import Range
from scheduler.forecasts.lane_snapshot import LaneSnapshot

#: The part of a range that does not average out over many renders: the machine is slow or fast for all of them.
COMMON = 0.7


def of_many(one: Range, count: int, *, learnt: bool) -> Range:
    """GPU-seconds of `count` renders alike. Their noise averages out, a wrong seed does not."""
    if one.likely <= 0:
        return one.times(count)
    shrink = max(1 / math.sqrt(count), COMMON) if learnt else 1.0
    low, high = (math.log(bound / one.likely) * shrink for bound in (one.low, one.high))
    whole = one.likely * count
    return Range(whole * math.exp(min(low, 0.0)), whole, whole * math.exp(max(high, 0.0)))


def last_batch(snapshot: LaneSnapshot, entry: ModelEntry, each: float, renders: int) -> tuple[float, Range]:
    """GPU-seconds of the last batch of so many renders that wait, and how long it stays with its worker.

    `each`: GPU-seconds of one render in a batch as large as renders of this lane usually have. A render that is alone
    for lack of others pays more: its whole passes.
    """
    told = [pool.times for pool in snapshot.open_pools if pool.times.samples]
    if not told:
        return each, snapshot.turnaround().times(each)
    times = max(told, key=lambda found: found.samples)
    rows = min(times.usual_batch, max(renders, snapshot.backlog.renders, 1))
    demand = default_demand(entry)
    work = each * rows * times.seconds(entry, demand, rows) / times.seconds(entry, demand)
    return work, snapshot.turnaround().times(work)
