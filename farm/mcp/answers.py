"""What the tools answer: little, since a model reads all of it."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, Field

from farm.client.replies import Job, Model, Why


class ShownJob(BaseModel):
    """A job and how far it is."""

    job_id: str
    model: str
    status: str = Field(description="admitting, open or paused, or how it ended")
    ended: bool
    total: int = Field(description="pictures or clips; the counts below are of them")
    done: int
    running: int
    pending: int
    failed: int
    done_in_seconds: float | None = Field(description="likely, from now; null: nobody can say, or it has ended")
    notices: list[str] = Field(description="what the farm does differently from what one might expect")

    @classmethod
    def of(cls, job: Job) -> Self:
        """The job as a model reads it."""
        done_in = job.forecast.done_in.likely if job.forecast and job.forecast.done_in else None
        return cls(
            job_id=job.id,
            model=job.model,
            status=job.status,
            ended=job.ended,
            total=job.total,
            done=job.done,
            running=job.running,
            pending=job.pending,
            failed=job.failed,
            done_in_seconds=done_in,
            notices=job.notices,
        )


class ShownReason(BaseModel):
    """Why something waits, or what it does."""

    status: str
    sentence: str
    starts_in_seconds: float | None = Field(description="likely, from now; null: it has started, or nobody can say")
    done_in_seconds: float | None

    @classmethod
    def of(cls, why: Why) -> Self:
        """The reason as a model reads it."""
        forecast = why.forecast
        return cls(
            status=why.status,
            sentence=why.sentence,
            starts_in_seconds=forecast.starts_in.likely if forecast and forecast.starts_in else None,
            done_in_seconds=forecast.done_in.likely if forecast and forecast.done_in else None,
        )


class ShownModel(BaseModel):
    """A model of the farm."""

    name: str
    title: str
    family: str
    sizes: list[tuple[int, int]] = Field(description="width and height in pixels that it is good at, the default first")
    defaults: dict[str, Any]
    served: bool = Field(description="whether a pool of this farm renders it")

    @classmethod
    def of(cls, model: Model, served: bool) -> Self:
        """The model as another one reads it."""
        return cls(
            name=model.name,
            title=model.title,
            family=model.family,
            sizes=model.sizes,
            defaults=model.defaults,
            served=served,
        )
