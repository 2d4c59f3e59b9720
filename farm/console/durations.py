"""Spans of time as commands say them; those of pages stand in dashboard/times.py, in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.client import Range

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def ago(then: datetime | None, now: float) -> str:
    """How long ago, in the largest fitting unit: '12 s', '3 min', '5 h', '2 d'."""
    if then is None:
        return ""
    seconds = max(0.0, now - (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp())
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def length(seconds: float) -> str:
    """How long something takes: '4.2 s', '12 s', '3.1 min'."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.{0 if seconds >= 10 else 1}f} s"


def in_words(span: Range) -> str:
    """A length of time with its range: '4.0 min (3.1 min to 6.2 min)'."""
    likely, low, high = (length(seconds) for seconds in (span.likely, span.low, span.high))
    return likely if low == high else f"{likely} ({low} to {high})"
