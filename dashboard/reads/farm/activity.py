"""What each worker does now and did within the last hour, for operators."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, and_, literal_column, select

from dashboard import schemas
from dashboard.reads.fleet import GONE_SECONDS
from dashboard.times import iso
from farm.lifecycle import WorkerStatus
from farm.progress import StepProgress
from farm.tables import Attempt, Pool, Render, Worker, WorkerSample
from scheduler.fleet.worker_registry import seen_status
from scheduler.maintenance.record_samples import EVERY_SECONDS

#: Renders a minute are counted over so many seconds.
RATE_SECONDS = 300.0
#: A worker of which less is known has no rate yet.
SHORTEST_RATE_SECONDS = 60.0
#: Progress of so many jobs is asked for at the most: each is a question to Redis.
MOST_JOBS = 50
#: Nobody wrote down what happened between two samples that are further apart.
_GAP_SECONDS = 2.5 * EVERY_SECONDS
UNKNOWN = "unknown"

ProgressOf = Callable[[str], Mapping[str, StepProgress]]


@dataclass(frozen=True)
class Moment:
    """What a worker did at one time, and how many renders it had done by then."""

    at: float
    status: str
    renders_done: int


def list_activity(
    connection: Connection, now: float, *, alive_since: float, progress_of: ProgressOf, worker_id: str | None = None
) -> list[schemas.WorkerActivity]:
    """All workers that are there, and those that went within the last hour, or only one. Three statements.

    The renders that run are found by ix_renders_running, their attempts by primary key.
    """
    seen = (Worker.status != WorkerStatus.GONE.value) | (Worker.heartbeat_at > now - GONE_SECONDS)
    only = [] if worker_id is None else [Worker.id == worker_id]
    workers = connection.execute(
        select(Worker.__table__, Pool.max_batch).join(Pool, Pool.name == Worker.pool).where(seen, *only)
    ).all()
    moments = _moments(connection, now, worker_id)
    running = _running(connection)
    steps = _steps(running, progress_of)
    return [
        _activity(row, moments[row.id], running.get(row.id, []), steps, now=now, alive_since=alive_since)
        for row in workers
    ]


def _moments(connection: Connection, now: float, worker_id: str | None) -> dict[str, list[Moment]]:
    only = [] if worker_id is None else [WorkerSample.worker_id == worker_id]
    found: dict[str, list[Moment]] = defaultdict(list)
    rows = connection.execute(
        select(WorkerSample.__table__)
        .where(WorkerSample.at > now - GONE_SECONDS, *only)
        .order_by(WorkerSample.worker_id, WorkerSample.at)
    )
    for row in rows:
        found[row.worker_id].append(Moment(row.at, row.status, row.renders_done))
    return found


def _running(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    """Of each worker the renders that it has leased, with their jobs."""
    attempt = and_(Attempt.render_id == Render.id, Attempt.number == Render.attempt)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = connection.execute(
        select(Attempt.worker_id, Render.id, Render.job_id)
        .select_from(Render)
        .join(Attempt, attempt)
        .where(Render.status == literal_column("'running'"))
    )
    for worker_id, render_id, job_id in rows:
        found[worker_id].append((render_id, job_id))
    return found


def _steps(running: Mapping[str, Iterable[tuple[str, str]]], progress_of: ProgressOf) -> dict[str, StepProgress]:
    jobs = dict.fromkeys(job_id for renders in running.values() for _, job_id in renders)
    found: dict[str, StepProgress] = {}
    for job_id in list(jobs)[:MOST_JOBS]:
        found |= progress_of(job_id)
    return found


def _activity(
    row: Any,
    moments: list[Moment],
    running: Sequence[tuple[str, str]],
    steps: Mapping[str, StepProgress],
    *,
    now: float,
    alive_since: float,
) -> schemas.WorkerActivity:
    gone = row.status == WorkerStatus.GONE
    status = moments[-1].status if gone and moments else seen_status(row, alive_since)
    last = Moment(row.heartbeat_at if gone else now, status, row.renders_done)
    moments = [one for one in moments if one.at < last.at] + [last]
    stepping = [steps[render_id] for render_id, _ in running if render_id in steps and steps[render_id].steps]
    behind = min(stepping, key=lambda step: step.step / step.steps, default=None)
    return schemas.WorkerActivity(
        worker_id=row.id,
        pool=row.pool,
        running=0 if gone else len(running),
        max_batch=row.max_batch,
        step=behind.step if behind else None,
        steps=behind.steps if behind else None,
        renders_per_minute=None if gone else rate(moments),
        memory_bytes=_bytes(row.details, "memory_bytes"),
        device_memory_bytes=_bytes(row.details, "device_memory_bytes"),
        spans=list(_spans(moments)),
    )


def _bytes(details: Mapping[str, Any], name: str) -> int | None:
    found = details.get(name)
    return found if isinstance(found, int) else None


def rate(moments: Sequence[Moment]) -> float | None:
    """Renders a minute over the last RATE_SECONDS of these moments; None while too little is known."""
    last = moments[-1]
    first = next(one for one in moments if one.at >= last.at - RATE_SECONDS)
    seconds = last.at - first.at
    if seconds < SHORTEST_RATE_SECONDS:
        return None
    return round(60.0 * max(0, last.renders_done - first.renders_done) / seconds, 2)


def _spans(moments: Sequence[Moment]) -> Iterable[schemas.ActivitySpan]:
    """What was the same from one moment to the next is one span; what nobody saw is unknown."""
    parts = [
        (begin.at, end.at, begin.status if end.at - begin.at <= _GAP_SECONDS else UNKNOWN, end, begin)
        for begin, end in pairwise(moments)
    ]
    started, renders = 0.0, 0
    for number, (begin, until, status, later, earlier) in enumerate(parts):
        if number == 0 or parts[number - 1][2] != status:
            started, renders = begin, 0
        renders += max(0, later.renders_done - earlier.renders_done)
        if number == len(parts) - 1 or parts[number + 1][2] != status:
            yield schemas.ActivitySpan(status=status, started_at=iso(started), ended_at=iso(until), renders=renders)
