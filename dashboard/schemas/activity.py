"""What the farm page shows beside pools and workers: what each worker does and did, and what waited in each lane."""

from pydantic import Field

from dashboard.schemas.base import Answer


class ActivitySpan(Answer):
    """For a while a worker did the same."""

    status: str = Field(description="starting, idle, rendering, draining, quarantined or silent; unknown: not seen")
    started_at: str
    ended_at: str
    renders: int = Field(description="Renders that it finished meanwhile")


class WorkerActivity(Answer):
    """What one worker does now, and did within the last hour."""

    worker_id: str
    pool: str
    running: int = Field(description="Renders that it has leased now")
    max_batch: int = Field(description="Most renders of a batch in its pool")
    step: int | None = Field(description="Of the render that is furthest behind; null: none is stepping")
    steps: int | None
    renders_per_minute: float | None = Field(description="Over the last five minutes; null: it is too new")
    memory_bytes: int | None = Field(description="Of its host that it and its engine use")
    device_memory_bytes: int | None = Field(description="Of its GPU; null on a CPU, and where nobody reads metrics")
    spans: list[ActivitySpan] = Field(description="From the first time it was seen to now, the oldest first")


class WorkerActivityList(Answer):
    """What all workers do and did."""

    items: list[WorkerActivity]


class LanePoint(Answer):
    """How much waited in a lane at one time."""

    at: str
    pending: int = Field(description="Renders that waited for a worker")
    gpu_seconds: float = Field(description="That these were estimated to take")
    oldest_wait_seconds: float = Field(description="Since the oldest job with waiting renders was submitted")
    running: int


class LaneHistory(Answer):
    """What waited in a lane, over time."""

    lane: str
    points: list[LanePoint] = Field(description="The oldest first; of each span of time its last sample")


class LaneHistoryList(Answer):
    """What waited in all lanes."""

    items: list[LaneHistory]
