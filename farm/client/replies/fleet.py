"""Who renders: models, workers, pools, scaling."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import AliasChoices, Field

from farm.client.replies.base import Reply


class LogLine(Reply):
    """A line of a worker's log."""

    #: Counts from 1 for each worker.
    number: int
    text: str


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
    #: Renders whose lease it has; a dashboard of 0.3 calls it `holding`.
    leased: int = Field(default=0, validation_alias=AliasChoices("leased", "holding"))
    #: When it ended well; of a gone one None means that it was lost.
    signed_off_at: datetime | None = None
    draining: bool = False
    quarantined: bool = False
    quarantine_reason: str | None = None
    clock_skew: float | None = None
    storage_away_since: datetime | None = None
    storage_trouble: str | None = None

    @property
    def holding(self) -> int:
        """`leased`, as versions before 0.4 called it."""
        return self.leased


class Model(Reply):
    """A model of the farm's catalog, and what it accepts."""

    name: str
    title: str = ""
    family: str = ""
    sizes: list[tuple[int, int]] = Field(default_factory=list)
    defaults: dict[str, Any] = Field(default_factory=dict)
    limits: dict[str, Any] = Field(default_factory=dict)
    samplers: list[str] = Field(default_factory=list)
    parameters: dict[str, Any] = Field(default_factory=dict)


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
    minimum: int | None = None
    maximum: int | None = None
    #: An operator's, in place of the catalog's.
    set_minimum: int | None = None
    set_maximum: int | None = None
    changes: list[ScaleChange] = Field(default_factory=list)


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


class Switched(Reply):
    """A project, lane or pool that was paused or resumed."""

    kind: str
    name: str
    paused: bool
