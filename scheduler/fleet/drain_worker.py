"""An operator asks one worker to end: it finishes what it holds, takes nothing new, and goes."""

import structlog
from sqlalchemy import select, update

from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import write
from farm.errors import Conflict, NotFound
from farm.ids import is_id
from farm.lifecycle import WorkerStatus
from farm.tables import Worker

log = structlog.get_logger(__name__)


def drain_worker(connections: Connections, worker_id: str, now: float) -> None:
    """Ask a worker to end; it hears so with its next heartbeat. Asked again, it changes nothing.

    Who keeps the pool's number starts another one in its place where one is wanted.

    Raises:
        NotFound: there is no such worker.
        Conflict: it is gone.
    """
    known = None
    with write(connections.engine) as connection:
        if is_id(worker_id):
            statement = select(Worker.status, Worker.drain_asked_at).where(Worker.id == worker_id).with_for_update()
            known = connection.execute(statement).one_or_none()
        if known is None:
            raise NotFound(f"There is no worker {worker_id[:40]!r}; `farm workers` shows those there are.")
        if known.status == WorkerStatus.GONE:
            raise Conflict(f"Worker {worker_id} is gone.")
        if known.drain_asked_at is not None:
            return
        connection.execute(update(Worker).where(Worker.id == worker_id).values(drain_asked_at=now))
        record(connection, Action.WORKER_DRAINED, worker_id, now)
    log.info("worker asked to end", worker_id=worker_id)
