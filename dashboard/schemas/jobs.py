"""Jobs: submitted, streamed, quoted, explained."""

from typing import Any

from pydantic import Field, SkipValidation

from dashboard.schemas.base import Answer, Cost, Forecast, Range
from dashboard.schemas.renders import Render
from farm.lifecycle import JobStatus, RenderStatus


class JobLinks(Answer):
    """Where more about a job is."""

    self: str
    renders: str
    events: str
    page: str


class Job(Answer):
    """What was submitted and how far it is."""

    id: str
    model: str
    title: str
    class_name: str = Field(alias="class", description="urgent, normal or bulk")
    status: JobStatus = Field(description="As its counts say")
    user: str | None = Field(description="Who submitted it; null: somebody with a key of the project, or who is gone")
    version: int = Field(description="Raised by every event of the job")
    total: int = Field(description="Renders of the job; the six counts below add up to it")
    done: int
    failed: int
    cancelled: int
    expired: int
    pending: int = Field(description="Renders that wait: pending, held or drafted")
    running: int
    created_at: str
    finished_at: str | None
    delete_at: str | None = Field(description="It was deleted: it is removed then, and can be restored until then")
    verifies_id: str | None = Field(
        description="The render that its one is the same of, to see whether it comes out again as it was; null: none"
    )
    ending: RenderStatus | None = Field(
        description="It was cancelled, or expired, and what is left of it ends so in the background; null: it does not"
    )
    #: Its title is not 'Request': generators name it after the job and that, as the body of a submission is named.
    request: dict[str, Any] = Field(title="SubmittedRequest", description="As it was submitted")
    spent: Cost = Field(description="So far, failed attempts included")
    expected: Cost = Field(description="Of all its renders, as it was estimated when it was submitted")
    forecast: Forecast | None = Field(
        None, description="null on lists, where nobody can say, and when it has ended; see also …/why"
    )
    links: JobLinks


class Submitted(Answer):
    """The job that a submission made, or had made before under the same Idempotency-Key."""

    job: Job
    notices: list[str] = Field(description="What the farm does differently from what one might expect, in words")
    renders: list[Render] | None = Field(
        None, description="With 'Prefer: wait', if the job has ended in time; null otherwise: see …/renders"
    )


class QuotedShape(Answer):
    """So many renders of one shape, as the model renders it."""

    width: int
    height: int
    frames: int
    renders: int


class Quote(Answer):
    """The answer to a dry run: what a job would be, cost and take. Nothing was accepted."""

    renders: int
    shapes: list[QuotedShape]
    gpu_seconds: Range
    money: float = Field(description="For the likely GPU-seconds, in the currency below")
    currency: str
    watt_hours: float
    starts_in: Range | None = Field(description="Seconds from now; null while nobody is there to say")
    done_in: Range | None
    notices: list[str]


class JobPage(Answer):
    """One page of jobs, newest first."""

    items: list[Job]
    next_cursor: str | None


class Event(Answer):
    """One thing that happened to a job; versions have no gaps."""

    version: int
    kind: str
    at: str
    payload: dict[str, Any]


class EventList(Answer):
    """Events of a job in the order of their version."""

    items: list[Event]


class Cancelled(Answer):
    """What a filter found."""

    jobs: int
    renders: int = Field(description="Cancelled, or with dry_run only counted")
    ending: int = Field(description="So many of the jobs are large and end in the background; nothing of them begins")
    dry_run: bool


class Kept(Answer):
    """What a choice among drafts did."""

    kept: int = Field(description="Drafts that go on; one that went on already is not counted")
    stopped: int = Field(description="Other renders that were cancelled")


class Why(Answer):
    """Why a job or a render is where it is."""

    status: str
    kind: str = Field(
        description="finished, running, admitting, drafted, ending, job_paused, project_paused, flow_paused, after, "
        "not_before, released, lane_paused, no_model, no_pool, pool_paused, quota, pool_starting, quarantined, "
        "draining, no_worker, storage, next or before"
    )
    #: Kept as it comes: a `farm.sentences.Sentence` can be said in the language of a page.
    sentence: SkipValidation[str] = Field(description="The same for people")
    before: int | None = Field(description="Renders that will be served first; approximate")
    facts: dict[str, Any] = Field(description="What the sentence rests on")
    forecast: Forecast | None


class Intake(Answer):
    """How far the stream of a job is."""

    format: str = Field(description="jsonl or csv")
    source: str | None = Field(description="The object that it is read from; null: the client sends the rows")
    rows: int = Field(description="Rows that are admitted")
    renders: int = Field(description="Renders that they became")
    bytes: int = Field(description="Bytes of the source that are admitted: go on at this offset")
    next_line: int = Field(description="The line, from 1, that begins there")
    crc32: int = Field(description="CRC-32 of the admitted bytes")
    sealed: bool = Field(description="Nothing more comes")
    sealed_at: str | None
    updated_at: str
    error: dict[str, Any] | None = Field(description="What stopped it, with faults, line and byte")


class StreamAnswer(Answer):
    """The job of a stream, and how far the stream is."""

    job: Job
    intake: Intake
    notices: list[str] = Field(description="What the farm does differently from what one might expect, in words")


class Upload(Answer):
    """Where to send a file, and how to name it then."""

    source: str = Field(description="For the field 'source' of POST /api/v1/jobs/stream")
    url: str = Field(description="A signed link: PUT the file there, with this Content-Type")
    content_type: str
    seconds: int = Field(description="So long the link works")
