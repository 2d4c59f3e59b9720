"""What all answers share, and what stands in several: lengths of time, costs."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


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
