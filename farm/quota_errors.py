"""What a project may not have any more of: its quotas and its budget."""

import math
from datetime import UTC, datetime
from typing import Any

from farm.errors import FarmError


class QuotaExceeded(FarmError):
    """The project has as much as its quota allows; try again when some of it is free, or ask an operator for more.

    `limit`, `used` and `asked` are in the unit of the quota (renders, or GPU-seconds); `frees_at` is in seconds since
    1970, None where nobody can say.
    """

    type = "quota-exceeded"
    title = "Quota exceeded"
    status = 429

    def __init__(
        self,
        detail: str | None = None,
        *,
        quota: str = "",
        limit: float = 0,
        used: float = 0,
        asked: float = 0,
        frees_at: float | None = None,
        now: float = 0,
    ) -> None:
        super().__init__(detail)
        self.quota, self.limit, self.used, self.asked = quota, limit, used, asked
        self.frees_at, self._now = frees_at, now

    @property
    def members(self) -> dict[str, Any]:
        """Which quota, its limit, what is used and was asked, and when it frees (ISO 8601 in UTC, or null)."""
        frees_at = self.frees_at
        return {
            "quota": self.quota,
            "limit": self.limit,
            "used": self.used,
            "asked": self.asked,
            "frees_at": None if frees_at is None else datetime.fromtimestamp(frees_at, UTC).isoformat(),
            "frees_in_seconds": None if frees_at is None else max(0.0, round(frees_at - self._now, 3)),
        }

    @property
    def wait_seconds(self) -> int | None:
        """Seconds until it frees, at least one."""
        return None if self.frees_at is None else max(1, math.ceil(self.frees_at - self._now))


class BudgetSpent(FarmError):
    """The project's budget is spent; what was accepted before goes on. Ask an operator for a larger budget."""

    type = "budget-spent"
    title = "Budget spent"
    status = 402

    def __init__(
        self,
        detail: str | None = None,
        *,
        budget: float = 0,
        spent: float = 0,
        committed: float = 0,
        asked: float = 0,
    ) -> None:
        super().__init__(detail)
        self.budget, self.spent, self.committed, self.asked = budget, spent, committed, asked

    @property
    def members(self) -> dict[str, Any]:
        """The budget, what is spent, what accepted work will cost, and what this request would; all money."""
        return {"budget": self.budget, "spent": self.spent, "committed": self.committed, "asked": self.asked}
