"""Duty: workers that stopped beating are gone, and their pools hold fewer rings.

Like a lease, a beat is not believed by its time alone (`scheduler.maintenance.reap_leases` says why): who seems silent
is watched for half of `worker_gone_seconds`. Their renders are not touched here: those go back when the leases run
out. A worker that comes back (its machine slept) says so with its next beat.
"""

import structlog
from sqlalchemy import or_, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import WorkerStatus
from farm.tables import Worker
from scheduler.maintenance.missed_heartbeats import SilenceTimer

log = structlog.get_logger(__name__)

#: For how long a worker is watched before it is gone, as a share of `worker_gone_seconds`: the last half of them.
SILENT_SHARE = 0.5

_THERE = Worker.status != WorkerStatus.GONE.value


class MarkDeadWorkers:
    """The duty, and whom it has watched since when."""

    def __init__(self) -> None:
        self._failures = SilenceTimer[tuple[str, float]]()

    def one_pass(self, connections: Connections, now: float) -> int:
        """Retire who has not beaten for `worker_gone_seconds`; returns how many."""
        gone_seconds = connections.settings.worker_gone_seconds
        silent_seconds = gone_seconds * SILENT_SHARE
        # Nobody has beaten in the future: the clock was set back since. That counts however near the future is: with a
        # margin, a beat would come to lie within it while it is watched, be believed, and be gone a minute later still.
        doubtful = or_(Worker.heartbeat_at < now - gone_seconds + silent_seconds, Worker.heartbeat_at > now)
        with read(connections.engine) as connection:
            rows = connection.execute(select(Worker.id, Worker.heartbeat_at).where(_THERE, doubtful))
            seen = [(row.id, row.heartbeat_at) for row in rows]
        silent = self._failures.look(seen, silent_seconds=silent_seconds, at=connections.steady())
        lost = [(worker, beat) for worker, beat in silent if not now - gone_seconds <= beat <= now]
        return sum(_retire(connections, worker, beat) for worker, beat in lost)


def _retire(connections: Connections, worker_id: str, heartbeat_at: float) -> int:
    """The worker is gone, unless it has beaten meanwhile."""
    with write(connections.engine) as connection:
        gone = connection.execute(
            update(Worker)
            .where(_THERE, Worker.id == worker_id, Worker.heartbeat_at == heartbeat_at)
            .values(status=WorkerStatus.GONE.value)
            .returning(Worker.pool, Worker.host)
        ).one_or_none()
    if gone is None:
        return 0
    log.warning("worker gone", worker_id=worker_id, pool=gone.pool, host=gone.host)
    return 1
