"""After the commit: tell busy workers, wake idle ones, tell who watches. Nothing here raises or waits for Redis."""

import math
from collections.abc import Iterable

from farm.connections import Connections
from farm.progress import JobChanged
from scheduler.fair_share.flows import Doorbell


def tell(connections: Connections, *, lanes: Iterable[str], changed: Iterable[JobChanged] = ()) -> None:
    """Busy workers of these lanes look into SQL between two steps; pages that show these jobs read again."""
    for lane in sorted(set(lanes)):
        connections.progress.raise_lane(lane)
    connections.progress.announce(*changed)


def ring(connections: Connections, doors: Iterable[Doorbell], renders: int) -> None:
    """Invite as many workers of each pool as `renders` need and as live.

    A pool without a living worker gets one ring, for the first that comes.
    """
    for door in doors:
        wanted = min(max(1, door.workers), math.ceil(renders / door.max_batch))
        connections.broker.ring_soon(door.pool, door.workers, wanted)
