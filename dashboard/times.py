"""Times as people and programs read them."""

from datetime import UTC, datetime
from typing import Protocol


def iso(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC with milliseconds: '2026-11-23T15:00:00.123Z'."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(seconds: float | None) -> str | None:
    """`iso`, and None for a time that has not come."""
    return None if seconds is None else iso(seconds)


def ago(seconds: float | None, now: float) -> str:
    """How long before `now` something was: 'now', '12 s ago', '5 min ago', '3 h ago', '2 days ago'."""
    if seconds is None:
        return "never"
    passed = max(0.0, now - seconds)
    if passed < 2:
        return "now"
    return f"{duration(passed)} ago"


def duration(seconds: float | None) -> str:
    """A span of time in its largest sensible unit: '0.4 s', '12 s', '5 min', '3 h', '2 days'."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


class Interval(Protocol):
    """Seconds that are not known exactly."""

    @property
    def low(self) -> float: ...
    @property
    def likely(self) -> float: ...
    @property
    def high(self) -> float: ...


def spread(found: Interval) -> str:
    """A span of time with its range: '4 min (3 min to 6 min)'; without one where it would say the same thrice."""
    low, likely, high = duration(found.low), duration(found.likely), duration(found.high)
    return likely if low == high else f"{likely} ({low} to {high})"
