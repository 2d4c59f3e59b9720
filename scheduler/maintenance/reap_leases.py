"""Duty: renders whose worker let its lease run out go back to pending, and their pools are rung.

A lease is not believed by its time alone: what runs out soon, or lasts longer than any lease can, is watched, and is
taken back when its worker has not touched it for half a lease. So it is also when the clock was set, the machine slept
or nobody supervised for a while: every worker that lives extends its leases before.
"""

from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.metrics.process_metrics import LOST_LEASES
from farm.tables import Job
from scheduler.fleet.wake_workers import notify, ring, ring_targets
from scheduler.leases.reap import FAR, RunningLease, doubtful, take_back
from scheduler.maintenance.missed_heartbeats import SilenceTimer

#: For how long a lease stays as it is before it is taken back, as a share of its length: the last half of it.
SILENT_SHARE = 0.5


class ReapLeases:
    """The duty, and what it has watched since when."""

    def __init__(self) -> None:
        self._failures = SilenceTimer[RunningLease]()

    def one_pass(self, connections: Connections, now: float) -> int:
        """Reap what ran out by `now` and was watched long enough; returns how many jobs had such renders."""
        settings = connections.settings
        silent_seconds = settings.lease_seconds * SILENT_SHARE
        doubted = doubtful(connections.engine, soon=now + silent_seconds, far=now + FAR * settings.lease_seconds)
        silent = self._failures.look(doubted, silent_seconds=silent_seconds, at=connections.steady())
        lost = [lease for lease in silent if not lease.holds(now, settings.lease_seconds)]
        changed = take_back(connections.engine, lost, now, max_failures=settings.max_failures)
        if not changed:
            return 0
        connections.metrics.count(LOST_LEASES, len(lost))
        alive_since = now - settings.worker_gone_seconds
        job_ids = [change.job_id for change in changed]
        with read(connections.engine) as connection:
            lanes = connection.scalars(select(Job.lane).where(Job.id.in_(job_ids)).distinct()).all()
            targets = [target for lane in lanes for target in ring_targets(connection, lane, alive_since)]
        # Busy workers remember how far they had looked into the lane: the raised counter makes them look again.
        notify(connections, lanes=lanes, changed=changed)
        ring(connections, targets, len(changed))
        return len(changed)
