"""Duty: what has not ended by the deadline of its job expires, instead of being rendered for nobody.

Running renders are revoked too: their workers hear it between two steps, and what they say later is void.
"""

from sqlalchemy import bindparam, select

from farm.connections import Connections
from farm.database import read
from farm.tables import Job
from scheduler.control.end_jobs import end_job
from scheduler.control.end_renders import EXPIRED

#: Unfinished jobs whose deadline has passed; reads ix_jobs_deadline, which holds no others.
_LATE = (
    select(Job.id)
    .where(Job.deadline.is_not(None), Job.finished_at.is_(None), Job.deadline <= bindparam("now"), Job.ending.is_(None))
    .order_by(Job.deadline)
)


def one_pass(connections: Connections, now: float) -> int:
    """Expire what is late; returns how many renders. Most of a large job are left to the duty `end_marked_jobs`."""
    with read(connections.engine) as connection:
        late = connection.scalars(_LATE, {"now": now}).all()
    return sum(end_job(connections, job_id, EXPIRED).renders for job_id in late)
