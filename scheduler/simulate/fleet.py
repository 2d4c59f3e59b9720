"""The virtual fleet: how fast its workers are, how long they take to start, how they fail, what they cost."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from farm.catalog import PoolEntry, Scaling

#: Pictures per second of a batch beside one alone, as measured for a picture model of 512 x 512 pixels.
PICTURES = {1: 1.0, 2: 1.6, 4: 2.4, 8: 3.2}


@dataclass(frozen=True)
class Speed:
    """The batch curve of a worker: renders per second with so many rows, beside one row; straight lines between."""

    gain: Mapping[int, float] = field(default_factory=lambda: dict(PICTURES))

    def pass_factor(self, rows: int) -> float:
        """How long one pass takes with so many rows, beside a pass with one."""
        return rows / self.gain_of(rows)

    def gain_of(self, rows: int) -> float:
        """Renders per second with so many rows, beside one; flat behind the last point."""
        sizes = sorted(self.gain)
        place = bisect_left(sizes, rows)
        if place == len(sizes):
            return self.gain[sizes[-1]]
        if sizes[place] == rows or place == 0:
            return self.gain[sizes[place]]
        low, high = sizes[place - 1], sizes[place]
        share = (rows - low) / (high - low)
        return self.gain[low] + share * (self.gain[high] - self.gain[low])


@dataclass(frozen=True)
class Faults:
    """What goes wrong, each at random moments: how often in an hour of one worker."""

    crashes_per_hour: float = 0.0  # the worker is gone; its leases run out
    stalls_per_hour: float = 0.0  # it is not heard of for longer than its lease, then settles all the same
    preemptions_per_hour: float = 0.0  # spot: it is told, finishes what it can, and is gone
    notice_seconds: float = 30.0  # of a preemption
    failed_share: float = 0.0  # of renders whose own pass raises


@dataclass(frozen=True)
class VirtualPool:
    """A pool and its virtual workers. `entry` gives the model, the batch, the price and the limits of scaling."""

    entry: PoolEntry
    workers: int  # at the beginning; a fixed fleet keeps so many
    speed: Speed = field(default_factory=Speed)
    startup_seconds: float = 90.0
    faults: Faults = field(default_factory=Faults)
    slowness: float = 1.0  # real seconds of one row for each second of the catalog's seed


@dataclass(frozen=True)
class Fleet:
    """All virtual pools, by their order."""

    pools: tuple[VirtualPool, ...]


def one_pool(
    model: str,
    workers: int,
    *,
    max_batch: int = 8,
    price_per_hour: float = 1.0,
    scaling: Scaling | None = None,
    speed: Speed | None = None,
    startup_seconds: float = 90.0,
    faults: Faults | None = None,
    slowness: float = 1.0,
) -> Fleet:
    """A fleet of one pool that serves one model."""
    entry = PoolEntry(
        name=f"{model}-simulated", model=model, max_batch=max_batch, price_per_hour=price_per_hour, scaling=scaling
    )
    pool = VirtualPool(entry, workers, speed or Speed(), startup_seconds, faults or Faults(), slowness)
    return Fleet((pool,))
