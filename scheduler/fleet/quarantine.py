"""An operator lets a quarantined worker claim again; `scheduler.maintenance.quarantine_workers` says who is in it."""

import structlog
from sqlalchemy import select, update

from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import write
from farm.errors import Conflict, NotFound
from farm.ids import is_id
from farm.tables import Worker

log = structlog.get_logger(__name__)


def release(connections: Connections, worker_id: str, now: float) -> None:
    """Let a quarantined worker claim again, from its next heartbeat on; what failed before is forgotten.

    Raises:
        NotFound: there is no such worker.
        Conflict: it is not quarantined.
    """
    known = None
    with write(connections.engine) as connection:
        if is_id(worker_id):
            statement = select(Worker.quarantined_at).where(Worker.id == worker_id).with_for_update()
            known = connection.execute(statement).one_or_none()
        if known is None:
            raise NotFound(f"There is no worker {worker_id[:40]!r}; `farm workers` shows those there are.")
        if known.quarantined_at is None:
            raise Conflict(f"Worker {worker_id} is not quarantined.")
        connection.execute(
            update(Worker)
            .where(Worker.id == worker_id)
            .values(quarantined_at=None, quarantine_reason=None, released_at=now)
        )
        record(connection, Action.WORKER_RELEASED, worker_id, now)
    log.info("worker released", worker_id=worker_id)
