"""Who is here: workers sign on, beat, and sign off. The supervisor retires those who stopped beating."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, insert, select, update

from farm.database import read, write
from farm.lifecycle import WorkerStatus
from farm.tables import Worker


@dataclass
class Pulse:
    """What a worker says of itself at each beat."""

    worker_id: str
    status: WorkerStatus = WorkerStatus.STARTING
    device: str = "?"
    engine_restarts: int = 0
    last_error: str | None = None
    details: dict[str, Any] = field(default_factory=dict)  # versions, weight hashes, threads


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


def beat(engine: Engine, pulse: Pulse, *, renders_done: int = 0, now: float) -> None:
    """Say that the worker lives, how it is, and how many renders it has done since the last beat.

    A worker that was retired by mistake (its machine slept) is back with its next beat.
    """
    with write(engine) as connection:
        connection.execute(
            update(Worker)
            .where(Worker.id == pulse.worker_id)
            .values(
                status=pulse.status,
                device=pulse.device,
                engine_restarts=pulse.engine_restarts,
                last_error=pulse.last_error,
                details=pulse.details,
                heartbeat_at=now,
                renders_done=Worker.renders_done + renders_done,
            )
        )


def sign_off(engine: Engine, worker_id: str, *, now: float) -> None:
    """The worker ends by its own will, with nothing left in its hands."""
    with write(engine) as connection:
        connection.execute(
            update(Worker).where(Worker.id == worker_id).values(status=WorkerStatus.GONE, heartbeat_at=now)
        )


def workers_alive(engine: Engine, pool: str, *, since: float) -> int:
    """Workers of the pool that have beaten since `since` and are not gone: the most rings its queue may hold."""
    with read(engine) as connection:
        return (
            connection.scalar(
                select(func.count())
                .select_from(Worker)
                .where(Worker.pool == pool, Worker.heartbeat_at >= since, Worker.status != WorkerStatus.GONE)
            )
            or 0
        )
