"""Who claims: what one worker says of itself in each claim, each join, and whenever it asks whether something waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scheduler.claims.claim_sql import Lease
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.fair_share.fair_queueing import CLASSES


@dataclass(frozen=True, eq=False)
class Claimer:
    """One worker of a pool.

    What it says of itself never changes. What it remembers from one claim to the next does, and lies in `scan_cursor`
    and nowhere else; so one thread at a time claims with a claimer, and two claimers are never equal. With one that
    lives as long as its worker, claims do not wade through rows that PostgreSQL could not remove yet.
    """

    pool: str
    worker_id: str
    lease_seconds: float
    shares: Mapping[str, float] = field(default_factory=lambda: CLASSES)  # the farm's classes, the most urgent first
    scan_cursor: ScanCursor = field(default_factory=ScanCursor)

    def lease(self, now: float) -> Lease:
        """What it takes now (seconds since 1970) is its own for `lease_seconds`."""
        return Lease(self.worker_id, now, now + self.lease_seconds)
