"""What the API answers: one model for each thing, as it stands in the OpenAPI document.

Times are ISO 8601 in UTC; sizes are bytes; lengths of time are seconds.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from farm.lifecycle import JobStatus, Phase, RenderStatus, WorkerStatus


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(populate_by_name=True, frozen=True)


class ProblemFault(Answer):
    """One thing that is wrong with the request."""

    pointer: str = Field(description="JSON pointer into the body, or /query/… or /header/…")
    detail: str


class Problem(Answer):
    """An error, as RFC 9457 describes it."""

    type: str = Field(description="Address of a page that explains this kind of problem")
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemFault] | None = None


class JobLinks(Answer):
    """Where more about a job is."""

    self: str
    renders: str
    events: str
    page: str


class Range(Answer):
    """A figure that is not known exactly: in four of five cases it is between low and high."""

    low: float
    likely: float
    high: float


class Cost(Answer):
    """Seconds of devices, and what they cost."""

    gpu_seconds: float
    money: float = Field(description="At the prices of the pools, in `currency`")
    currency: str
    watt_hours: float


class Forecast(Answer):
    """When it starts and ends if nobody submits anything more and no worker comes or goes. Seconds from now."""

    starts_in: Range | None = Field(description="null: it has started")
    done_in: Range | None
    starts_at: str | None = Field(description="The likely time")
    done_at: str | None


class Job(Answer):
    """What was submitted and how far it is."""

    id: str
    model: str
    title: str
    class_name: str = Field(alias="class", description="urgent, normal or bulk")
    status: JobStatus = Field(description="As its counts say")
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
    request: dict[str, Any] = Field(description="As it was submitted")
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


class RenderedSize(Answer):
    """The shape as the model renders it, before any crop."""

    width: int
    height: int
    frames: int


class Progress(Answer):
    """How far a running render is."""

    phase: str
    step: int
    steps: int


class Artifact(Answer):
    """A stored file of a render."""

    id: str
    kind: str = Field(description="output, thumbnail or manifest")
    content_type: str
    size: int
    sha256: str
    width: int | None
    height: int | None
    frames: int | None
    url: str = Field(description="A signed link that works for a limited time")


class Render(Answer):
    """One picture or clip of a job."""

    id: str
    job_id: str
    index: int = Field(description="Its place in the job, from 0")
    status: RenderStatus = Field(description="Where the render is")
    phase: Phase | None
    attempt: int
    failures: int
    parameters: dict[str, Any]
    rendered_size: RenderedSize
    reason: str | None = Field(description="Why it failed, was cancelled or went back")
    created_at: str
    started_at: str | None
    finished_at: str | None
    gpu_seconds: float | None
    spent: Cost = Field(description="So far, failed attempts included")
    expected: Cost = Field(description="As it was estimated when it was submitted")
    forecast: Forecast | None = Field(None, description="null on lists, where nobody can say, and when it has ended")
    progress: Progress | None
    artifacts: list[Artifact]


class RenderPage(Answer):
    """One page of a job's renders, in the order of their index."""

    items: list[Render]
    next_cursor: str | None


class FailedAttempt(Answer):
    """One try at a render that failed or was lost."""

    number: int
    worker_id: str
    pool: str
    batch_size: int = Field(description="Renders that its claim took")
    started_at: str
    ended_at: str | None
    outcome: str = Field(description="failed (its own pass raised or killed) or lost (its worker was not heard of)")
    reason: str | None
    log_lines: str | None = Field(description="What the worker logged last, without secrets")


class DeadLetter(Answer):
    """A render that failed for good, until somebody has it tried again."""

    render_id: str
    job_id: str
    index: int
    project: str
    model: str
    title: str = Field(description="Of its job")
    prompt: str
    reason: str | None
    failures: int
    failed_at: str | None
    attempts: list[FailedAttempt]


class DeadLetterPage(Answer):
    """One page of failed renders, newest first."""

    items: list[DeadLetter]
    next_cursor: str | None


class Retried(Answer):
    """How many failed renders are pending again."""

    renders: int
    jobs: int = Field(description="Of so many jobs")
    paused_jobs: list[str] = Field(description="Jobs that are paused: their failed renders stay as they are")


class Model(Answer):
    """A model of the catalog, with what may be asked of it."""

    name: str
    title: str
    family: str
    precision: str
    sizes: list[tuple[int, int]] = Field(description="Offered sizes, width × height; the first is the default")
    defaults: dict[str, Any]
    parameters: dict[str, Any] = Field(description="JSON Schema of the parameters, with this model's limits")
    pools: list[str]


class ModelList(Answer):
    """All models of the catalog."""

    items: list[Model]


class Worker(Answer):
    """One worker process."""

    id: str
    pool: str
    model: str
    host: str
    status: WorkerStatus = Field(description="As its last heartbeat said")
    device: str
    started_at: str
    heartbeat_at: str
    renders_done: int
    engine_restarts: int
    last_error: str | None = Field(description="Shown to operators only")
    holding: int = Field(description="Renders in its hands, as its last heartbeat said")
    draining: bool = Field(description="It was told to finish what it holds and to end")
    quarantined: bool = Field(description="It claims nothing: it fails where others succeed, or cannot start")
    quarantine_reason: str | None = Field(description="Why; shown to operators only")


class WorkerList(Answer):
    """All workers that were seen lately."""

    items: list[Worker]


class ScaleChange(Answer):
    """One change of how many workers a pool should have."""

    at: str
    before: int
    after: int
    reason: str


class Scaling(Answer):
    """How many workers a pool should have, has, and why."""

    desired: int = Field(description="Workers that there should be now")
    decision: str = Field(description="Why, in one line")
    decided_at: str | None
    ready: int = Field(description="Workers that have their model and go on")
    starting: int
    draining: int = Field(description="Workers that finish what they hold, and end")
    changes: list[ScaleChange] = Field(description="The last ones, the newest first")


class Pool(Answer):
    """The workers of one kind of hardware that serve a lane."""

    name: str
    lane: str
    model: str
    max_batch: int
    paused: bool
    workers: int = Field(description="Workers that sent a heartbeat lately")
    unfinished: int = Field(description="Renders of the caller's project that this lane has still to finish")
    price_per_hour: float = Field(default=0.0, description="Of one worker, in the farm's currency")
    scaling: Scaling | None = Field(default=None, description="None: as many workers as somebody starts")


class CurvePoint(Answer):
    """One size of batch, as it was measured."""

    batch_size: int = Field(description="Renders that share a pass")
    pass_seconds: float = Field(description="One pass for all of them")
    renders_per_second: float = Field(description="At the number of steps of the curve; passes only")
    samples: int = Field(description="Renders that were measured")


class BatchCurve(Answer):
    """What batches of one shape bring on one device."""

    lane: str
    device: str
    width: int = Field(description="As the model renders it")
    height: int
    frames: int
    steps: int = Field(description="The model's default number of steps")
    batch_size: int = Field(description="The size that is taken while others wait")
    points: list[CurvePoint]
    updated_at: str


class BatchCurveList(Answer):
    """All batch curves of a pool's lane."""

    items: list[BatchCurve]


class PoolList(Answer):
    """All pools."""

    items: list[Pool]


class Event(Answer):
    """One thing that happened to a job; versions have no gaps."""

    version: int
    kind: str
    at: str
    payload: dict[str, Any]


class EventList(Answer):
    """Events of a job in the order of their version."""

    items: list[Event]


class Switched(Answer):
    """What was paused or resumed."""

    kind: str = Field(description="project, lane or pool")
    name: str
    paused: bool


class Cancelled(Answer):
    """What a filter found."""

    jobs: int
    renders: int = Field(description="Cancelled, or with dry_run only counted")
    dry_run: bool


class Quota(Answer):
    """Limits of a project (null: no limit), and what is used of each."""

    max_pending: int | None
    pending: int = Field(description="Renders that wait, held ones too")
    max_running: int | None
    running: int
    gpu_seconds_per_day: float | None
    gpu_seconds_today: float = Field(description="Used since midnight UTC")
    gpu_seconds_admitted: float = Field(description="Of what is admitted and has not ended; estimated")
    day_ends: str
    budget: float | None = Field(description="Money in all; at the limit nothing more is admitted")
    money_spent: float
    money_admitted: float = Field(description="What admitted work will cost at the dearest pool; estimated")
    currency: str
    gpu_seconds: float = Field(description="Used in all")
    watt_hours: float = Field(description="Used in all")
    renders: int = Field(description="Ended in all")


class Why(Answer):
    """Why a job or a render is where it is."""

    status: str
    kind: str = Field(
        description="finished, running, admitting, drafted, job_paused, project_paused, flow_paused, after, "
        "not_before, released, lane_paused, no_model, no_pool, pool_paused, quota, pool_starting, quarantined, "
        "draining, no_worker, next or before"
    )
    sentence: str = Field(description="The same for people")
    before: int | None = Field(description="Renders that will be served first; approximate")
    facts: dict[str, Any] = Field(description="What the sentence rests on")
    forecast: Forecast | None


class UsageDay(Answer):
    """What a project used in one pool on one day."""

    day: str = Field(description="UTC: '2026-11-23'")
    pool: str
    renders: int = Field(description="Renders that ended")
    cost: Cost


class Usage(Answer):
    """What a project used."""

    items: list[UsageDay]
    renders: int
    total: Cost


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
