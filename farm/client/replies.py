"""What the farm answers, typed.

Fields that this client does not know are ignored, so that a newer farm can say more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from farm.lifecycle import ENDED, JobStatus

#: A job in one of these goes on by itself or waits to; in any other it has ended.
_GOING_ON = frozenset({JobStatus.ADMITTING, JobStatus.OPEN, JobStatus.PAUSED})


class Reply(BaseModel):
    """Something the farm said; immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=(), populate_by_name=True)


class Range(Reply):
    """A length of time in seconds that is not known exactly: in four of five cases between low and high."""

    low: float
    likely: float
    high: float


class Cost(Reply):
    """Seconds of devices and what they cost: money in `currency`, energy in watt-hours."""

    gpu_seconds: float = 0.0
    money: float = 0.0
    currency: str = ""
    watt_hours: float = 0.0


class Forecast(Reply):
    """When something starts and ends, in seconds from now, if nobody submits anything more."""

    starts_in: Range | None = None
    done_in: Range | None = None
    starts_at: datetime | None = None
    done_at: datetime | None = None


class Job(Reply):
    """What was submitted, and how many of its renders are where. All counts are renders."""

    id: str
    model: str
    title: str = ""
    class_name: str = Field(default="normal", alias="class")
    status: str
    version: int = 0
    total: int
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    expired: int = 0
    pending: int = 0
    running: int = 0
    created_at: datetime | None = None
    finished_at: datetime | None = None
    request: dict[str, Any] = {}
    spent: Cost = Cost()
    expected: Cost = Cost()
    forecast: Forecast | None = None
    links: dict[str, str] = {}
    #: What the farm wants known about an accepted submission; empty when the job is read later.
    notices: list[str] = []

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it, short of a retry."""
        return self.status not in _GOING_ON

    @property
    def ended_renders(self) -> int:
        """How many renders have come to an end, good or bad."""
        return self.done + self.failed + self.cancelled + self.expired


class QuotedShape(Reply):
    """How many renders a job would have of one shape, in pixels and frames as the model renders it."""

    width: int
    height: int
    frames: int
    renders: int


class Quote(Reply):
    """What a job would be, cost and take."""

    renders: int
    shapes: list[QuotedShape] = []
    gpu_seconds: Range
    money: float = 0.0
    currency: str = ""
    watt_hours: float = 0.0
    starts_in: Range | None = None
    done_in: Range | None = None
    notices: list[str] = []


class FileProgress(Reply):
    """How much of a file of rows the farm has taken in."""

    job_id: str
    rows: int
    renders: int
    bytes: int  # of `size`
    size: int
    crc32: int  # of these bytes
    sealed: bool = False


class Artifact(Reply):
    """A stored file of a render, with a link that works for about an hour."""

    kind: str
    content_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    url: str


class RenderedSize(Reply):
    """The size that the model rendered, in pixels and frames, before any crop to the size asked for."""

    width: int
    height: int
    frames: int = 1


class RenderProgress(Reply):
    """Which step of how many a running render is at."""

    phase: str | None = None
    step: int = 0
    steps: int = 0


class Render(Reply):
    """One picture or clip of a job."""

    id: str
    job_id: str
    index: int
    status: str
    phase: str | None = None
    attempt: int = 0
    failures: int = 0
    parameters: dict[str, Any] = {}
    rendered_size: RenderedSize | None = None
    reason: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    gpu_seconds: float | None = None
    spent: Cost = Cost()
    expected: Cost = Cost()
    forecast: Forecast | None = None
    progress: RenderProgress | None = None
    #: None: this answer does not say; ask for the render itself.
    artifacts: list[Artifact] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it, short of a retry."""
        return self.status in ENDED


class Worker(Reply):
    """A worker process, as its last heartbeat described it."""

    id: str
    pool: str
    model: str = ""
    host: str = ""
    pid: int | None = None
    status: str
    device: str = ""
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    renders_done: int = 0
    engine_restarts: int = 0
    last_error: str | None = None
    holding: int = 0
    draining: bool = False
    quarantined: bool = False
    quarantine_reason: str | None = None


class FailedAttempt(Reply):
    """One try at a render that failed or was lost."""

    number: int
    worker_id: str = ""
    pool: str = ""
    batch_size: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    reason: str | None = None
    log_lines: str | None = None


class DeadLetter(Reply):
    """A render that failed for good, until somebody has it tried again."""

    render_id: str
    job_id: str
    index: int
    project: str = ""
    model: str = ""
    title: str = ""
    prompt: str = ""
    reason: str | None = None
    failures: int = 0
    failed_at: datetime | None = None
    attempts: list[FailedAttempt] = []


class Retried(Reply):
    """How many failed renders are pending again; those of `paused_jobs` are not."""

    renders: int
    jobs: int = 0
    paused_jobs: list[str] = []


class Model(Reply):
    """A model of the farm's catalog, and what it accepts."""

    name: str
    title: str = ""
    family: str = ""
    sizes: list[tuple[int, int]] = []
    defaults: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    samplers: list[str] = []
    parameters: dict[str, Any] = {}


class ScaleChange(Reply):
    """One change of how many workers a pool should have."""

    at: datetime | None = None
    before: int
    after: int
    reason: str = ""


class Scaling(Reply):
    """How many workers a pool should have, has, and why."""

    desired: int
    decision: str = ""
    decided_at: datetime | None = None
    ready: int = 0
    starting: int = 0
    draining: int = 0
    changes: list[ScaleChange] = []


class Pool(Reply):
    """The workers of one kind of hardware that serve a model."""

    name: str
    lane: str = ""
    model: str = ""
    max_batch: int | None = None
    paused: bool = False
    workers: int = 0
    price_per_hour: float = 0.0
    #: None: as many workers as somebody starts.
    scaling: Scaling | None = None


class JobEvent(Reply):
    """One thing that happened to a job; versions have no gaps."""

    version: int
    kind: str
    at: datetime | None = None
    payload: dict[str, Any] = {}


class Switched(Reply):
    """A project, lane or pool that was paused or resumed."""

    kind: str
    name: str
    paused: bool


class Cancelled(Reply):
    """What a filter found: cancelled, or with `dry_run` only counted."""

    jobs: int
    renders: int
    dry_run: bool = False


class Quota(Reply):
    """Limits of a project (None: no limit), and what is used of each. Money is in `currency`."""

    max_pending: int | None = None
    pending: int = 0
    max_running: int | None = None
    running: int = 0
    gpu_seconds_per_day: float | None = None
    gpu_seconds_today: float = 0.0
    gpu_seconds_admitted: float = 0.0
    day_ends: datetime | None = None
    budget: float | None = None
    money_spent: float = 0.0
    money_admitted: float = 0.0
    currency: str = ""
    gpu_seconds: float = 0.0
    watt_hours: float = 0.0
    renders: int = 0


class Why(Reply):
    """Why a job or a render is where it is: `kind` for programs, `sentence` for people."""

    status: str
    kind: str
    sentence: str
    #: Renders that will be served first; approximate.
    before: int | None = None
    facts: dict[str, Any] = {}
    forecast: Forecast | None = None


class UsageDay(Reply):
    """What the project used in one pool on one day (UTC)."""

    day: str
    pool: str
    renders: int = 0
    cost: Cost = Cost()


class Usage(Reply):
    """What the project used by day and pool, the newest day first."""

    items: list[UsageDay] = []
    renders: int = 0
    total: Cost = Cost()
