"""What a render will take, before it ran: GPU-seconds with a range, learnt pool by pool, seeded from the catalog.

`seed` is the catalog's formula, `regression` learns seconds from features, `scores` makes ranges that hold,
`pool_times` puts them together for one pool, `estimator` for a model. Only `load` reads SQL.
"""

from scheduler.estimates.estimator import Estimator, load, seeded
from scheduler.estimates.pool_times import PoolTimes, Range
from scheduler.estimates.seed import Demand, default_demand, demand_of, forwards, gpu_seconds

__all__ = [
    "Demand",
    "Estimator",
    "PoolTimes",
    "Range",
    "default_demand",
    "demand_of",
    "forwards",
    "gpu_seconds",
    "load",
    "seeded",
]
