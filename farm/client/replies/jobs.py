"""Jobs: submitted, quoted, streamed, explained."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from farm.client.replies.base import Cost, Forecast, Range, Reply
from farm.lifecycle import JobStatus

#: A job in one of these goes on by itself or waits to; in any other it has ended.
_GOING_ON = frozenset({JobStatus.ADMITTING, JobStatus.OPEN, JobStatus.PAUSED})


class Job(Reply):
    """What was submitted, and how many of its renders are where. All counts are renders."""

    id: str
    model: str
    title: str = ""
    class_name: str = Field(default="normal", alias="class")
    status: str
    #: Who submitted it; None: somebody with a key of the project.
    user: str | None = None
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
    #: It was deleted: it is removed then, and can be restored until then.
    delete_at: datetime | None = None
    #: It was cancelled, or has expired, and what is left of it ends so in the background.
    ending: str | None = None
    request: dict[str, Any] = Field(default_factory=dict)
    spent: Cost = Cost()
    expected: Cost = Cost()
    forecast: Forecast | None = None
    links: dict[str, str] = Field(default_factory=dict)
    #: Of a job that was sent as a file: how many rows were read in it.
    rows: int | None = None
    #: What the farm wants known about an accepted submission; empty when the job is read later.
    notices: list[str] = Field(default_factory=list)

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
    shapes: list[QuotedShape] = Field(default_factory=list)
    gpu_seconds: Range
    money: float = 0.0
    currency: str = ""
    watt_hours: float = 0.0
    starts_in: Range | None = None
    done_in: Range | None = None
    notices: list[str] = Field(default_factory=list)


class FileProgress(Reply):
    """How much of a file of rows the farm has taken in."""

    job_id: str
    rows: int
    renders: int
    bytes: int  # of `size`
    size: int
    crc32: int  # of these bytes
    sealed: bool = False


class JobEvent(Reply):
    """One thing that happened to a job; versions have no gaps."""

    version: int
    kind: str
    at: datetime | None = None
    payload: dict[str, Any] = Field(default_factory=dict)


class Kept(Reply):
    """How many drafts go on, and how many other renders were cancelled."""

    kept: int
    stopped: int = 0


class Cancelled(Reply):
    """What a filter found: cancelled, or with `dry_run` only counted.

    `ending` of these jobs are large and end in the background; nothing of them begins.
    """

    jobs: int
    renders: int
    ending: int = 0
    dry_run: bool = False


class Why(Reply):
    """Why a job or a render is where it is: `kind` for programs, `sentence` for people."""

    status: str
    kind: str
    sentence: str
    #: Renders that will be served first; approximate.
    before: int | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
    forecast: Forecast | None = None
