"""Who renders: models, workers, pools, batch curves, scaling."""

from typing import Any

from pydantic import Field

from dashboard.schemas.base import Answer
from farm.lifecycle import WorkerStatus


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
    leased: int = Field(description="Renders whose lease it has, as its last heartbeat said")
    holding: int = Field(deprecated=True, description="`leased`, as versions before 0.4 called it")
    signed_off_at: str | None = Field(default=None, description="When it ended well; null of a gone one: it was lost")
    draining: bool = Field(description="It was told to finish what it holds and to end")
    quarantined: bool = Field(description="It claims nothing: it fails where others succeed, or cannot start")
    quarantine_reason: str | None = Field(description="Why; shown to operators only")
    clock_skew: float | None = Field(
        description="Seconds by which its machine's clock is ahead of the database's, by which the farm goes; "
        "negative: behind"
    )
    storage_away_since: str | None = Field(description="It can store nothing since then")
    storage_trouble: str | None = Field(description="What the object storage says or does")


class LogLine(Answer):
    """A line of a worker's log, without secrets."""

    number: int = Field(description="Counts from 1 for each worker")
    text: str


class WorkerLog(Answer):
    """The newest lines of a worker's log, the oldest first: its own and those of its engine."""

    items: list[LogLine]
    next_after: int = Field(description="Give it as 'after' for what comes next")


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
    minimum: int | None = Field(default=None, description="Workers at the least, as it counts now")
    maximum: int | None = Field(default=None, description="Workers at the most, as it counts now")
    set_minimum: int | None = Field(default=None, description="An operator's minimum; null: the catalog's")
    set_maximum: int | None = Field(default=None, description="An operator's maximum; null: the catalog's")
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


class Switched(Answer):
    """What was paused or resumed."""

    kind: str = Field(description="project, lane or pool")
    name: str
    paused: bool
