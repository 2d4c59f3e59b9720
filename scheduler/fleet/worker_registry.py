"""Who is here: workers sign on, beat, and sign off. The supervisor retires those who stopped beating."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, insert, select, update

from farm.database import read, write
from farm.lifecycle import WorkerStatus
from farm.tables import Worker

#: What a worker may be doing, beside the states that it tells of itself.
QUARANTINED, SILENT = "quarantined", "silent"


@dataclass(frozen=True)
class Health:
    """How a worker's last attempts went, and whether its engine starts; in `details` under 'health'."""

    failed_starts: int = 0  # of its engine, in a row
    recent_done: int = 0  # of its last few attempts
    recent_failed: int = 0  # blamed ones


@dataclass
class WorkerReport:
    """What a worker says of itself at each beat."""

    worker_id: str
    status: WorkerStatus = WorkerStatus.STARTING
    device: str = "?"
    engine_restarts: int = 0
    last_error: str | None = None
    details: dict[str, Any] = field(default_factory=dict)  # versions, weight hashes, threads
    leased: int = 0  # renders whose lease it has
    busy_until: float | None = None  # when it thinks that these are finished
    clock_skew: float | None = None  # seconds by which its machine's clock is ahead of the farm's
    storage_away_since: float | None = None  # it can store nothing since then
    storage_trouble: str | None = None  # and why


@dataclass(frozen=True)
class Orders:
    """What a worker is told with the answer to its beat."""

    drain: bool = False  # finish what it holds, and end
    quarantined: str | None = None  # why it may not claim; none: it may


def may_claim() -> ColumnElement[bool]:
    """The workers that take work when they are rung: not gone, not told to drain, not quarantined."""
    return and_(
        Worker.status.not_in([WorkerStatus.GONE.value, WorkerStatus.DRAINING.value]),
        Worker.drain_asked_at.is_(None),
        Worker.quarantined_at.is_(None),
    )


def seen_status(row: Any, alive_since: float) -> str:
    """What a worker that is not gone does, by its row; whose last heartbeat is older than `alive_since` is silent."""
    if row.heartbeat_at < alive_since:
        return SILENT
    if row.drain_asked_at is not None:
        return WorkerStatus.DRAINING.value
    return QUARANTINED if row.quarantined_at is not None else str(row.status)


def sign_on(engine: Engine, *, worker_id: str, pool: str, model: str, host: str, pid: int, now: float) -> None:
    """A new worker process of a pool; it is `starting` until its first beat says otherwise."""
    with write(engine) as connection:
        connection.execute(
            insert(Worker).values(
                id=worker_id,
                pool=pool,
                host=host,
                pid=pid,
                status=WorkerStatus.STARTING,
                device="?",
                model=model,
                details={},
                started_at=now,
                heartbeat_at=now,
            )
        )


def beat(engine: Engine, report: WorkerReport, *, renders_done: int = 0, now: float) -> Orders:
    """Say that the worker lives, how it is, and how many renders it has done since the last beat; hear what to do.

    A worker that was retired by mistake (its machine slept) is back with its next beat.
    """
    with write(engine) as connection:
        told = connection.execute(
            update(Worker)
            .where(Worker.id == report.worker_id)
            .values(
                status=report.status,
                device=report.device,
                engine_restarts=report.engine_restarts,
                last_error=report.last_error,
                details=report.details,
                heartbeat_at=now,
                renders_done=Worker.renders_done + renders_done,
                leased=report.leased,
                busy_until=report.busy_until,
                clock_skew=report.clock_skew,
                storage_away_since=report.storage_away_since,
                storage_trouble=report.storage_trouble,
            )
            .returning(Worker.drain_asked_at, Worker.quarantined_at, Worker.quarantine_reason)
        ).one_or_none()
    if told is None:
        return Orders()
    quarantined = None if told.quarantined_at is None else told.quarantine_reason or "It is quarantined."
    return Orders(drain=told.drain_asked_at is not None, quarantined=quarantined)


def sign_off(engine: Engine, worker_id: str, *, now: float) -> None:
    """The worker ends by its own will, with nothing left in its hands."""
    with write(engine) as connection:
        connection.execute(
            update(Worker)
            .where(Worker.id == worker_id)
            .values(status=WorkerStatus.GONE, heartbeat_at=now, signed_off_at=now)
        )


def workers_alive(engine: Engine, pool: str, *, since: float) -> int:
    """Workers of the pool that have beaten since `since` and may claim: the most rings its queue may hold."""
    with read(engine) as connection:
        return (
            connection.scalar(
                select(func.count())
                .select_from(Worker)
                .where(Worker.pool == pool, Worker.heartbeat_at >= since, may_claim())
            )
            or 0
        )
