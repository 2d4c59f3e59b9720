"""Renders, their files, and those that failed for good."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from farm.client.replies.base import Cost, Forecast, Reply
from farm.lifecycle import ENDED


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
    parameters: dict[str, Any] = Field(default_factory=dict)
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
    score: float | None = None
    kept: bool | None = None
    #: None: this answer does not say; ask for the render itself.
    artifacts: list[Artifact] | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it, short of a retry."""
        return self.status in ENDED


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
    attempts: list[FailedAttempt] = Field(default_factory=list)


class Retried(Reply):
    """How many failed renders are pending again; those of `paused_jobs` are not."""

    renders: int
    jobs: int = 0
    paused_jobs: list[str] = Field(default_factory=list)
