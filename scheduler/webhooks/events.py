"""What webhooks tell: the types of events, and the body that is sent, as Standard Webhooks shapes it."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field

from farm.lifecycle import JOB_ENDED, JobStatus


class EventType(StrEnum):
    """What a webhook is told: that a job has come to an end, by the status in which it did."""

    JOB_DONE = "job.done"
    JOB_PARTIAL = "job.partial"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_EXPIRED = "job.expired"


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

    type: EventType
    timestamp: str = Field(description="When it happened; that of the header webhook-timestamp is of the attempt")
    data: JobEndedData


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
    return JobEnded(type=type_of_end(status), timestamp=_iso(row.finished_at), data=JobEndedData(job=job))


def webhook_test(webhook_id: str, now: float) -> WebhookTest:
    """The body of a test."""
    return WebhookTest(timestamp=_iso(now), data=WebhookTestData(webhook_id=webhook_id))


def _iso(seconds: float) -> str:
    """As in all answers of the API: '2026-11-23T15:00:00.123Z'."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
