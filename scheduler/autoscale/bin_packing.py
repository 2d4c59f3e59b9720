"""Waiting work in GPU-seconds of full batches: what it will take by the time that it is claimed.

Estimates of renders assume the batches that renders of their pool usually have. While little waits, batches are half
empty and renders look dear; to start workers for that would keep batches half empty for ever. What waits together is
rendered together.
"""

from sqlalchemy import Connection

from farm.catalog import ModelEntry
from scheduler.estimates.estimator import load
from scheduler.estimates.initial_estimate import default_demand


def full_batches(connection: Connection, entry: ModelEntry, max_batch: int) -> float:
    """GPU-seconds in a batch of `max_batch`, for each estimated one; 1 at the most, and while nothing was learnt."""
    estimator = load(connection, entry)
    if not estimator.learnt():
        return 1.0
    demand = default_demand(entry)
    full = estimator.range_of(entry, demand, max_batch).likely
    usual = estimator.range_of(entry, demand).likely
    return min(1.0, full / usual) if usual > 0 else 1.0
