"""What the live stream tells, event by event."""

from pydantic import Field

from dashboard.schemas.base import Answer
from dashboard.schemas.jobs import Job


class LiveStep(Answer):
    """A running render came to a step."""

    job_id: str
    render_id: str
    phase: str = Field(description="claimed, encoding, stepping, parked or finishing")
    step: int
    steps: int


class LivePreview(Answer):
    """There is a new preview of a running render."""

    job_id: str
    render_id: str
    step: int


class LiveSnapshot(Answer):
    """How things are: the first event of a stream, and again when some had to be dropped."""

    jobs: list[Job] = Field(
        description="The jobs that the stream names; else the newest that have not ended, and with a Last-Event-ID "
        "those that have ended since"
    )
    progress: list[LiveStep] = Field(description="Where their running renders are")
