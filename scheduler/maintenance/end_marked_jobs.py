"""Duty: large jobs that were cancelled or have expired end in the background; nothing of them is claimed meanwhile."""

from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.tables import Job
from scheduler.control.end_jobs import end_marked_job

#: The other duties wait for as long.
PASS_SECONDS = 3.0

#: Reads ix_jobs_ending, which holds no others.
_MARKED = select(Job.id).where(Job.ending.is_not(None)).order_by(Job.id)


def one_pass(connections: Connections, now: float) -> int:
    """End renders of marked jobs for some seconds; returns how many. The next pass goes on."""
    with read(connections.engine) as connection:
        marked = connection.scalars(_MARKED).all()
    until = connections.steady() + PASS_SECONDS
    return sum(end_marked_job(connections, job_id, until) for job_id in marked)
