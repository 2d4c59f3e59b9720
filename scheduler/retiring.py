"""Duty: workers that stopped beating are gone, and their pools hold fewer rings.

Their renders are not touched here: those go back when the leases run out. A worker that comes back (its
machine slept) says so with its next beat.
"""

import structlog
from sqlalchemy import update

from farm.connections import Connections
from farm.database import write
from farm.lifecycle import WorkerStatus
from farm.tables import Worker

log = structlog.get_logger(__name__)


def one_pass(connections: Connections, now: float) -> int:
    """Retire who has not beaten for `worker_gone_seconds`; returns how many."""
    silent_since = now - connections.settings.worker_gone_seconds
    with write(connections.engine) as connection:
        gone = connection.execute(
            update(Worker)
            .where(Worker.status != WorkerStatus.GONE.value, Worker.heartbeat_at < silent_since)
            .values(status=WorkerStatus.GONE.value)
            .returning(Worker.id, Worker.pool, Worker.host)
        ).all()
    for worker in gone:
        log.warning("worker gone", worker_id=worker.id, pool=worker.pool, host=worker.host)
    return len(gone)
