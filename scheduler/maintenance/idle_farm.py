"""Whether the farm is idle: no job is under way, nothing is to be sent, and all that was measured has been learnt.

Then most duties of the supervisor would find nothing, and are done less often. One statement says so, in every round,
so that what comes is seen as soon as ever.
"""

from sqlalchemy import Select, exists, or_, select

from farm.connections import Connections
from farm.database import read
from farm.tables import Job, Observation
from scheduler.webhooks.deliveries import anything_due


def is_idle(connections: Connections, now: float) -> bool:
    """One statement: a probe of ix_jobs_unfinished, of ix_webhook_deliveries_due and of the observations."""
    with read(connections.engine) as connection:
        return not connection.scalar(_anything(now))


def _anything(now: float) -> Select[bool]:
    unfinished = exists().where(Job.finished_at.is_(None))
    return select(or_(unfinished, anything_due(now), exists(select(Observation.id))))
