"""Workers and pools as people see them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from dashboard import schemas
from dashboard.times import iso, iso_or_none
from farm.lifecycle import JobStatus, WorkerStatus
from farm.tables import Job, Lane, Pool, Worker

#: Workers that are gone stay on the page for a while, so that people see what happened.
GONE_SECONDS = 3600.0


def list_workers(connection: Connection, now: float, *, with_errors: bool) -> list[schemas.Worker]:
    """Workers that are there, and those that went within the last hour, by pool. One statement.

    An error's text may quote what another project asked for, so only operators read it (`with_errors`).
    """
    rows = connection.execute(
        select(Worker)
        .where((Worker.status != WorkerStatus.GONE) | (Worker.heartbeat_at > now - GONE_SECONDS))
        .order_by(Worker.pool, Worker.status == WorkerStatus.GONE, Worker.started_at, Worker.id)
    )
    return [
        schemas.Worker(
            id=row.id,
            pool=row.pool,
            model=row.model,
            host=row.host,
            status=row.status,
            device=row.device,
            started_at=iso(row.started_at),
            heartbeat_at=iso(row.heartbeat_at),
            renders_done=row.renders_done,
            engine_restarts=row.engine_restarts,
            last_error=row.last_error if with_errors else None,
            leased=row.leased,
            holding=row.leased,
            signed_off_at=iso_or_none(row.signed_off_at),
            draining=row.drain_asked_at is not None,
            quarantined=row.quarantined_at is not None,
            quarantine_reason=row.quarantine_reason if with_errors else None,
            clock_skew=row.clock_skew,
            storage_away_since=iso_or_none(row.storage_away_since),
            storage_trouble=row.storage_trouble,
        )
        for row in rows
    ]


def list_pools(connection: Connection, project_id: str) -> list[schemas.Pool]:
    """All pools with their workers, and what of this project their lanes still have to render. Three statements."""
    workers = _counts(
        connection.execute(
            select(Worker.pool, func.count()).where(Worker.status != WorkerStatus.GONE).group_by(Worker.pool)
        )
    )
    ended = Job.renders_done + Job.renders_failed + Job.renders_cancelled + Job.renders_expired
    unfinished = _counts(
        connection.execute(
            # From the counters of jobs: counting a million pending renders would take a second.
            select(Job.lane, func.sum(Job.renders_total - ended))
            .where(Job.project_id == project_id, Job.status.in_([JobStatus.OPEN, JobStatus.PAUSED]))
            .group_by(Job.lane)
        )
    )
    rows = connection.execute(
        select(Pool.name, Pool.lane, Lane.model, Pool.max_batch, Pool.paused_at, Pool.price_per_hour)
        .join(Lane, Lane.name == Pool.lane)
        .order_by(Pool.name)
    )
    return [
        schemas.Pool(
            name=row.name,
            lane=row.lane,
            model=row.model,
            max_batch=row.max_batch,
            paused=row.paused_at is not None,
            workers=workers.get(row.name, 0),
            unfinished=unfinished.get(row.lane, 0),
            price_per_hour=row.price_per_hour,
        )
        for row in rows
    ]


def _counts(rows: Iterable[Any]) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in rows}
