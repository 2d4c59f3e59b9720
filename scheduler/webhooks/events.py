"""What webhooks tell: the types of events, and the body that is sent, as Standard Webhooks shapes it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, Field

from farm.lifecycle import ENDED, JOB_ENDED, JobStatus, RenderStatus


class EventType(StrEnum):
    """What a webhook is told: that a job, or renders of one, have come to an end, by the status in which they did."""

    JOB_DONE = "job.done"
    JOB_PARTIAL = "job.partial"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_EXPIRED = "job.expired"
    RENDER_DONE = "render.done"
    RENDER_FAILED = "render.failed"
    RENDER_CANCELLED = "render.cancelled"
    RENDER_EXPIRED = "render.expired"


JobEventType = Literal[
    EventType.JOB_DONE, EventType.JOB_PARTIAL, EventType.JOB_FAILED, EventType.JOB_CANCELLED, EventType.JOB_EXPIRED
]
RenderEventType = Literal[
    EventType.RENDER_DONE, EventType.RENDER_FAILED, EventType.RENDER_CANCELLED, EventType.RENDER_EXPIRED
]
#: What a webhook is told that was not asked for anything else; renders are told only where somebody wants it.
JOB_EVENTS: Sequence[EventType] = get_args(JobEventType)
#: Renders in one event.
MOST_RENDERS = 100
#: Of a reason; the whole stands in the API.
_REASON_CHARS = 500

#: What is sent when somebody asks for a test; it needs no subscription.
TEST: Literal["webhook.test"] = "webhook.test"


class EndedJob(BaseModel):
    """A job that has ended, in the fields that the API has for it."""

    id: str
    model: str
    title: str
    status: JobStatus
    total: int = Field(description="Renders of the job; the four counts below add up to it")
    done: int
    failed: int
    cancelled: int
    expired: int
    created_at: str
    finished_at: str
    url: str = Field(description="Its path in the API; the rest is asked for there")


class JobEndedData(BaseModel):
    """What has ended."""

    job: EndedJob


class JobEnded(BaseModel):
    """The body that is sent when a job has ended."""

    type: JobEventType
    timestamp: str = Field(description="When it happened; that of the header webhook-timestamp is of the attempt")
    data: JobEndedData


class JobOfRenders(BaseModel):
    """The job whose renders have ended."""

    id: str
    model: str
    title: str
    url: str = Field(description="Its path in the API")


class EndedRender(BaseModel):
    """A render that has ended."""

    id: str
    index: int = Field(description="Its place in the job, from 0")
    status: RenderStatus
    reason: str | None = Field(description=f"Why it is not done, in at most {_REASON_CHARS} characters")
    finished_at: str
    url: str = Field(description="Its path in the API: files and parameters are asked for there")


class RendersEndedData(BaseModel):
    """Renders of one job that have ended alike, in the order in which they did."""

    job: JobOfRenders
    renders: list[EndedRender] = Field(min_length=1, max_length=MOST_RENDERS)


class RendersEnded(BaseModel):
    """The body that is sent when renders have ended: those of a job that did within about a second, together."""

    type: RenderEventType
    timestamp: str = Field(description="When the first of them ended")
    data: RendersEndedData


class WebhookTestData(BaseModel):
    """Which webhook is tried."""

    webhook_id: str


class WebhookTest(BaseModel):
    """The body that is sent when somebody asks for a test."""

    type: Literal["webhook.test"] = TEST
    timestamp: str
    data: WebhookTestData


def type_of_end(status: JobStatus) -> EventType:
    """The type of event for a job that came to its end in this status."""
    assert status in JOB_ENDED
    return EventType(f"job.{status.value}")


def job_ended(row: Any) -> JobEnded:
    """The body for a row of `jobs` that has ended."""
    status = JobStatus(row.status)
    job = EndedJob(
        id=row.id,
        model=row.model,
        title=row.title,
        status=status,
        total=row.renders_total,
        done=row.renders_done,
        failed=row.renders_failed,
        cancelled=row.renders_cancelled,
        expired=row.renders_expired,
        created_at=_iso(row.created_at),
        finished_at=_iso(row.finished_at),
        url=f"/api/v1/jobs/{row.id}",
    )
    return JobEnded(
        type=cast(JobEventType, type_of_end(status)), timestamp=_iso(row.finished_at), data=JobEndedData(job=job)
    )


def type_of_render_end(status: RenderStatus) -> EventType:
    """The type of event for renders that came to their end in this status."""
    assert status in ENDED
    return EventType(f"render.{status.value}")


def ended_render(render_id: str, index: int, status: RenderStatus, reason: str | None, now: float) -> EndedRender:
    """A render that has ended now."""
    return EndedRender(
        id=render_id,
        index=index,
        status=status,
        reason=reason and reason[:_REASON_CHARS],
        finished_at=_iso(now),
        url=f"/api/v1/renders/{render_id}",
    )


def renders_ended(row: Any, status: RenderStatus, renders: Sequence[EndedRender], now: float) -> RendersEnded:
    """The body for a row of `jobs`, renders of which have ended now."""
    job = JobOfRenders(id=row.id, model=row.model, title=row.title, url=f"/api/v1/jobs/{row.id}")
    data = RendersEndedData(job=job, renders=list(renders))
    return RendersEnded(type=cast(RenderEventType, type_of_render_end(status)), timestamp=_iso(now), data=data)


def webhook_test(webhook_id: str, now: float) -> WebhookTest:
    """The body of a test."""
    return WebhookTest(timestamp=_iso(now), data=WebhookTestData(webhook_id=webhook_id))


def _iso(seconds: float) -> str:
    """As in all answers of the API: '2026-11-23T15:00:00.123Z'."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
