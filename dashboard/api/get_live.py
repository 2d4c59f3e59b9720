"""GET /api/v1/live: what changes, as it changes (server-sent events).

Events, each with JSON as data:
- `snapshot` {"jobs": [Job…], "progress": [{job_id, render_id, phase, step, steps}…]}: how things are. Comes first, and
  again when the reader was too slow and something was dropped.
- `job` Job: a job changed. Versions of a job only go up.
- `step` {job_id, render_id, phase, step, steps}: a step of a running render; may be dropped.
- `preview` {job_id, render_id, step}: there is a new /renders/{render_id}/preview; may be dropped.
Lines that begin with ':' keep the connection alive. The server ends a stream after ten minutes; EventSource reconnects.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import FARM
from dashboard.auth import principal, still_allowed
from dashboard.context import farm
from dashboard.events import Subscription, pump
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job, list_jobs
from dashboard.schemas import Job
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import JobStatus
from farm.progress import Preview, StepProgress

#: Proxies drop a connection that is silent for a minute, our client one of 30 s; writing also finds who is gone.
KEEPALIVE_SECONDS = 10.0
#: After this a reader has to connect again, and show a key or a session that still counts.
STREAM_SECONDS = 600.0
_SNAPSHOT_JOBS = 20
_OPEN = (JobStatus.ADMITTING, JobStatus.OPEN, JobStatus.PAUSED)


class LiveQuery(BaseModel):
    """What to hear of."""

    model_config = ConfigDict(extra="forbid")
    job: list[str] = Field(
        [],
        max_length=100,
        description="Only these jobs; without it all jobs of the project. May be given several times",
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""
    events: dict[str, Any] = {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}

    @blueprint.get("/live", tags=[FARM], responses={200: events})
    def get_live(query: LiveQuery) -> Response:
        """Hear of changed jobs and of the steps of running renders.

        Server-sent events: 'snapshot' first, then 'job', 'step' and 'preview'.
        """
        project_id = principal().project_id
        job_ids = frozenset(known_form("job", job_id) for job_id in query.job)
        subscribed = ExitStack()
        # Subscribed before the snapshot is read, so that nothing falls between the two.
        subscription = subscribed.enter_context(pump().subscribe(project_id, job_ids))
        try:
            first = _snapshot(farm(), subscription)  # a job that is not visible is a 404, not a silent stream
        except BaseException:
            subscribed.close()
            raise
        response = Response(
            _stream(farm(), subscription, first, still_allowed()),
            content_type="text/event-stream; charset=utf-8",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        response.call_on_close(subscribed.close)
        return response


def _stream(
    connections: Connections, subscription: Subscription, first: str, allowed: Callable[[], bool]
) -> Iterator[str]:
    yield "retry: 2000\n\n"  # milliseconds until a browser connects again
    yield first
    ends = time.monotonic() + STREAM_SECONDS
    asks = time.monotonic() + KEEPALIVE_SECONDS
    while time.monotonic() < ends:
        told = subscription.next(KEEPALIVE_SECONDS)
        if time.monotonic() >= asks:  # a disabled user, an ended session or a revoked key hears no more
            if not allowed():
                return
            asks = time.monotonic() + KEEPALIVE_SECONDS
        if subscription.start_again():
            yield _snapshot(connections, subscription)
        elif told is None:
            yield ": keepalive\n\n"
        elif isinstance(told.content, Job):
            yield _event("job", told.content.model_dump_json(by_alias=True))
        elif isinstance(told.content, Preview):
            yield _event("preview", told.content.model_dump_json(include={"job_id", "render_id", "step"}))
        else:
            yield _event("step", json.dumps(_step(told.content)))


def _snapshot(connections: Connections, subscription: Subscription) -> str:
    with read(connections.engine) as connection:
        if subscription.job_ids:
            jobs = [find_job(connection, subscription.project_id, job_id) for job_id in sorted(subscription.job_ids)]
        else:
            jobs, _ = list_jobs(connection, subscription.project_id, statuses=_OPEN, limit=_SNAPSHOT_JOBS)
    steps: list[StepProgress] = []
    for job in jobs:
        subscription.saw(job.id, job.version)
        if job.running:
            steps += connections.progress.snapshot(job.id).values()
    content = {
        "jobs": [job.model_dump(mode="json", by_alias=True) for job in jobs],
        "progress": [_step(step) for step in steps],
    }
    return _event("snapshot", json.dumps(content))


def _step(step: StepProgress) -> dict[str, str | int]:
    return step.model_dump(include={"job_id", "render_id", "phase", "step", "steps"})


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
