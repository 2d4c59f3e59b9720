"""Renders, their files, and those that failed for good."""

from typing import Any

from pydantic import Field

from dashboard.schemas.base import Answer, Cost, Forecast
from farm.lifecycle import Phase, RenderStatus


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
    kind: str = Field(description="output, thumbnail, manifest; of a clip poster; if asked for latents")
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
    seed_text: str = Field(description="The seed's digits, for readers whose numbers are not exact above 2^53")
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
    score: float | None = Field(description="What its scorer said of the output; larger is better")
    kept: bool | None = Field(description="Whether it is among the best of its prompt; null until that is chosen")
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
