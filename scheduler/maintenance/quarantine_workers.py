"""Duty: a worker that fails where others succeed claims nothing until somebody has looked at it.

Judged by incidents, not by renders: a batch on this worker in which something failed that another worker rendered
later. One render that kills engines makes its neighbours fail once or twice; a broken GPU makes many batches fail.
And only if at least half of the worker's last attempts failed, as it says with its heartbeat.

A worker whose engine dies at every start is marked too, so that the page says why it does nothing; that mark goes
by itself when the engine is ready. The other one goes when an operator releases the worker, or when it restarts: it
is another worker then.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import structlog
from sqlalchemy import Connection, distinct, exists, func, literal_column, select, update
from sqlalchemy.orm import aliased

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import Outcome, WorkerStatus
from farm.tables import Attempt, Worker
from scheduler.fleet.worker_registry import Health

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
#: How long ago a failure still counts.
WINDOW_SECONDS = 3600.0
CANNOT_START = "Its engine cannot start"


def one_pass(connections: Connections, now: float) -> int:
    """Quarantine who fails where others succeed, release whose engine started at last; returns how many."""
    limit = connections.settings.quarantine_failures
    with read(connections.engine) as connection:
        workers = connection.execute(
            select(Worker.id, Worker.pool, Worker.host, Worker.details, Worker.last_error, Worker.quarantine_reason)
            .where(Worker.status != WorkerStatus.GONE.value)
            .order_by(Worker.id)
        ).all()
        incidents = _incidents(connection, now - WINDOW_SECONDS)
    marked = 0
    for worker in workers:
        health = _health(worker.details)
        if worker.quarantine_reason is not None:
            recovered = worker.quarantine_reason.startswith(CANNOT_START) and not health.failed_starts
            marked += recovered and _mark(connections, worker, None, now)
        elif health.failed_starts >= limit:
            why = f": {worker.last_error}" if worker.last_error else "."
            reason = f"{CANNOT_START}: {health.failed_starts} times in a row{why}"
            marked += _mark(connections, worker, reason, now)
        elif incidents.get(worker.id, 0) >= limit and health.recent_failed >= health.recent_done:
            reason = (
                f"It fails where others succeed: {incidents[worker.id]} of its batches within the last hour failed "
                f"and were rendered elsewhere; of its last {health.recent_failed + health.recent_done} attempts "
                f"{health.recent_failed} failed."
            )
            marked += _mark(connections, worker, reason, now)
    return marked


def _incidents(connection: Connection, since: float) -> dict[str, int]:
    """By worker, its batches with a failure after `since` (or its release) that another worker rendered later.

    Reads ix_attempts_failed, then attempts and workers by their primary keys.
    """
    later = aliased(Attempt)
    elsewhere = exists().where(
        later.render_id == Attempt.render_id,
        later.number > Attempt.number,
        later.outcome == Outcome.DONE.value,
        later.worker_id != Attempt.worker_id,
    )
    rows = connection.execute(
        select(Attempt.worker_id, func.count(distinct(Attempt.batch_id)))
        .join(Worker, Worker.id == Attempt.worker_id)
        .where(
            Attempt.outcome == literal_column("'failed'"),
            Attempt.ended_at > since,
            Attempt.ended_at > func.coalesce(Worker.released_at, 0.0),
            elsewhere,
        )
        .group_by(Attempt.worker_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def _health(details: Mapping[str, Any]) -> Health:
    """What the worker said of itself with its last heartbeat; one of an older farm says nothing."""
    told = details.get("health")
    return Health(**told) if isinstance(told, dict) and set(told) <= {f.name for f in fields(Health)} else Health()


def _mark(connections: Connections, worker: Any, reason: str | None, now: float) -> bool:
    """Quarantine it (or, without a reason, let it go), unless somebody else has decided meanwhile."""
    unchanged = Worker.quarantine_reason.is_not_distinct_from(worker.quarantine_reason)
    with write(connections.engine) as connection:
        marked = connection.execute(
            update(Worker)
            .where(Worker.id == worker.id, unchanged)
            .values(quarantined_at=None if reason is None else now, quarantine_reason=reason)
        )
    if marked.rowcount:
        report = log.info if reason is None else log.warning
        report("worker released" if reason is None else "worker quarantined", worker_id=worker.id, pool=worker.pool,
            host=worker.host, reason=reason)  # fmt: skip
    return bool(marked.rowcount)
