"""Duty: renders whose worker let its lease run out go back to pending, and their pools are rung."""

from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.tables import Job
from scheduler.doorbell import ring, tell
from scheduler.lanes import doorbells
from scheduler.leases import reap


def one_pass(connections: Connections, now: float) -> int:
    """Reap what ran out by `now`; returns how many jobs had such renders."""
    changed = reap(connections.engine, now, max_failures=connections.settings.max_failures)
    if not changed:
        return 0
    alive_since = now - connections.settings.worker_gone_seconds
    job_ids = [change.job_id for change in changed]
    with read(connections.engine) as connection:
        lanes = connection.scalars(select(Job.lane).where(Job.id.in_(job_ids)).distinct()).all()
        bells = [bell for lane in lanes for bell in doorbells(connection, lane, alive_since)]
    # Busy workers remember how far they had looked into the lane: the raised counter makes them look again.
    tell(connections, lanes=lanes, changed=changed)
    ring(connections, bells, len(changed))
    return len(changed)
