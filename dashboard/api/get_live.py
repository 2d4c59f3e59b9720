"""GET /api/v1/live: what changes, as it changes (server-sent events).

Events, each with JSON as data (their schemas stand in the OpenAPI document, under `x-events`):
- `snapshot`: how things are. Comes first, and again when the reader was too slow and something was dropped.
- `job`: a job changed. Versions of a job only go up.
- `step`: a step of a running render; may be dropped.
- `preview`: there is a new /renders/{render_id}/preview; may be dropped.
Ids say up to when all is told: who comes back with one as Last-Event-ID finds in the snapshot what has ended since.
Lines that begin with ':' keep the connection alive; no empty line follows, as some readers take every block for an
event, also one without data. The server ends a stream after ten minutes; EventSource reconnects.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import FARM, schema_reference
from dashboard.auth import principal, still_allowed
from dashboard.context import farm
from dashboard.live_updates import Subscription, as_told, pump
from dashboard.reads.ids import known_form
from dashboard.reads.job_filters import JobFilter
from dashboard.reads.jobs import find_job, list_ended, list_jobs
from dashboard.schemas import Job, LivePreview, LiveSnapshot, LiveStep
from dashboard.schemas.base import RequestPart
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import JobStatus
from farm.progress import StepProgress
from farm.verification.second_renders import SecondRenders

#: Proxies drop a connection that is silent for a minute, our client one of 30 s; writing also finds who is gone.
KEEPALIVE_SECONDS = 10.0
#: After this a reader has to connect again, and show a key or a session that still counts.
STREAM_SECONDS = 600.0
#: What has ended so long before an id may not have been told yet: a transaction was still open, a message was lost.
#: It is told twice rather than not at all.
UNTOLD_SECONDS = 30.0
_SNAPSHOT_JOBS = 20
_SNAPSHOT_ENDED = 100
_OPEN = JobFilter(statuses=(JobStatus.ADMITTING, JobStatus.OPEN, JobStatus.PAUSED), verifications=SecondRenders.WITH)


class LiveQuery(RequestPart):
    """What to hear of."""

    model_config = ConfigDict(extra="forbid")
    job: list[str] = Field(
        [],
        max_length=100,
        description="Only these jobs; without it all jobs of the project. May be given several times",
    )


class LiveHeader(RequestPart):
    """Where a reader was when its stream broke off."""

    last_event_id: str | None = Field(
        None, alias="Last-Event-ID", description="The last id of the stream before; browsers send it by themselves"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""
    kinds: dict[str, type[BaseModel]] = {"snapshot": LiveSnapshot, "job": Job, "step": LiveStep, "preview": LivePreview}
    schemas = {name: schema_reference(blueprint, kind) for name, kind in kinds.items()}
    content = {"schema": {"type": "string"}, "x-events": schemas}
    events: dict[str, Any] = {"description": "Events", "content": {"text/event-stream": content}}

    @blueprint.get("/live", tags=[FARM], responses={200: events})
    def get_live(query: LiveQuery, header: LiveHeader) -> Response:
        """Hear of changed jobs and of the steps of running renders.

        Server-sent events: 'snapshot' first, then 'job', 'step' and 'preview'.
        """
        project_id = principal().project_id
        job_ids = frozenset(known_form("job", job_id) for job_id in query.job)
        subscribed = ExitStack()
        # Subscribed before the snapshot is read, so that nothing falls between the two.
        subscription = subscribed.enter_context(pump().subscribe(project_id, job_ids))
        try:
            # A job that is not visible is a 404, not a silent stream.
            first = _snapshot(farm(), subscription, _since(header.last_event_id))
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
    yield "retry: 2000\n"  # milliseconds until a browser connects again; a part of the first event
    yield first
    ends = time.monotonic() + STREAM_SECONDS
    # Pages that were opened together, as after a restart, ask one by one: together they would hold up all requests.
    asks = time.monotonic() + random.uniform(0.0, KEEPALIVE_SECONDS)  # noqa: S311 — no secret
    told_to = connections.clock()
    while time.monotonic() < ends:
        told = subscription.next(max(0.0, asks - time.monotonic()))
        if time.monotonic() >= asks:  # a disabled user, an ended session or a revoked key hears no more
            if not allowed():
                return
            asks = time.monotonic() + KEEPALIVE_SECONDS
        if subscription.start_again():
            yield _snapshot(connections, subscription, told_to)
            continue
        if subscription.is_up_to_date():
            told_to = connections.clock()
        if told is None:
            yield ": keepalive\n"
        elif isinstance(told.content, Job):
            yield _event("job", told.data, told_to)
        elif isinstance(told.content, LivePreview):
            yield _event("preview", told.data)
        else:
            yield _event("step", told.data)


def _snapshot(connections: Connections, subscription: Subscription, since: float | None) -> str:
    """How things are; `since`: with what has ended since then."""
    told_to = connections.clock()
    with read(connections.engine) as connection:
        if subscription.job_ids:
            jobs = [find_job(connection, subscription.project_id, job_id) for job_id in sorted(subscription.job_ids)]
        else:
            jobs, _ = list_jobs(connection, subscription.project_id, chosen=_OPEN, limit=_SNAPSHOT_JOBS)
            if since is not None:
                jobs += list_ended(
                    connection, subscription.project_id, after=since - UNTOLD_SECONDS, limit=_SNAPSHOT_ENDED
                )
    steps: list[StepProgress] = []
    for job in jobs:
        subscription.saw(job.id, job.version)
        if job.running:
            steps += connections.progress.snapshot(job.id).values()
    content = LiveSnapshot(jobs=jobs, progress=[as_told(step) for step in steps])
    return _event("snapshot", content.model_dump_json(by_alias=True), told_to)


def _event(name: str, data: str, told_to: float | None = None) -> str:
    number = "" if told_to is None else _id(told_to)
    return f"event: {name}\n{number}data: {data}\n\n"


def _id(told_to: float) -> str:
    return f"id: {told_to:.3f}\n"


def _since(last_event_id: str | None) -> float | None:
    """The time that an id of ours says; None for what is none: readers send whatever they were sent."""
    try:
        since = float(last_event_id or "")
    except ValueError:
        return None
    return since if 0.0 <= since < 1e11 else None
