"""What a project may have and what it used."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from farm.client.replies.base import Cost, Reply


class Quota(Reply):
    """Limits of a project (None: no limit), and what is used of each. Money is in `currency`."""

    max_pending: int | None = None
    pending: int = 0
    max_running: int | None = None
    running: int = 0
    gpu_seconds_per_day: float | None = None
    gpu_seconds_today: float = 0.0
    gpu_seconds_admitted: float = 0.0
    day_ends: datetime | None = None
    budget: float | None = None
    money_spent: float = 0.0
    money_admitted: float = 0.0
    currency: str = ""
    gpu_seconds: float = 0.0
    watt_hours: float = 0.0
    renders: int = 0


class Project(Reply):
    """A tenant, with its part in the fair share."""

    id: str
    name: str
    weight: float = 1.0
    paused: bool = False
    retention_days: float | None = None
    created_at: datetime | None = None


class Key(Reply):
    """An API key, without its secret."""

    id: str
    name: str
    project: str
    user: str | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    #: Its last use, to the minute.
    used_at: datetime | None = None
    #: What it may do: read, submit, operate, admin.
    scopes: list[str] = Field(default_factory=list)


class MadeKey(Reply):
    """A key that was just made, with what stands behind 'Bearer': it is shown this once."""

    key: Key
    secret: str = Field(repr=False)


class Member(Reply):
    """A person of a project, as the others of it see him or her."""

    name: str
    role: str
    #: Shut out: no session and no key of theirs counts.
    disabled: bool = False


class User(Reply):
    """A person who may sign in."""

    name: str
    role: str
    project: str
    sessions: int = 0
    #: False: signs in by links only.
    has_password: bool = False
    created_at: datetime | None = None
    disabled_at: datetime | None = None


class WhoAmI(Reply):
    """Whom a key speaks for."""

    project: Project
    user: str | None = None
    role: str
    #: What may be done: all that the role may, or what the key may.
    scopes: list[str] = Field(default_factory=list)
    key: Key | None = None


class UsageDay(Reply):
    """What the project used in one pool on one day (UTC)."""

    day: str
    pool: str
    renders: int = 0
    cost: Cost = Cost()


class Usage(Reply):
    """What the project used by day and pool, the newest day first."""

    items: list[UsageDay] = Field(default_factory=list)
    renders: int = 0
    total: Cost = Cost()
