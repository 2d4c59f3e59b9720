"""What a project may have and what it used."""

from pydantic import Field

from dashboard.schemas.base import Answer, Cost


class Quota(Answer):
    """Limits of a project (null: no limit), and what is used of each."""

    max_pending: int | None
    pending: int = Field(description="Renders that wait, held ones too")
    max_running: int | None
    running: int
    gpu_seconds_per_day: float | None
    gpu_seconds_today: float = Field(description="Used since midnight UTC")
    gpu_seconds_admitted: float = Field(description="Of what is admitted and has not ended; estimated")
    day_ends: str
    budget: float | None = Field(description="Money in all; at the limit nothing more is admitted")
    money_spent: float
    money_admitted: float = Field(description="What admitted work will cost at the dearest pool; estimated")
    currency: str
    gpu_seconds: float = Field(description="Used in all")
    watt_hours: float = Field(description="Used in all")
    renders: int = Field(description="Ended in all")


class UsageDay(Answer):
    """What a project used in one pool on one day."""

    day: str = Field(description="UTC: '2026-11-23'")
    pool: str
    renders: int = Field(description="Renders that ended")
    cost: Cost


class Usage(Answer):
    """What a project used."""

    items: list[UsageDay]
    renders: int
    total: Cost


class ProjectUse(Answer):
    """What one project used."""

    project: str = Field(description="Its name")
    renders: int = Field(description="Renders that ended")
    cost: Cost


class ProjectUseList(Answer):
    """What each project used, the dearest first."""

    items: list[ProjectUse]
