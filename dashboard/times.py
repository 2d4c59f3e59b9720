"""Times as people and programs read them."""

from datetime import UTC, datetime
from typing import Protocol

from babel.dates import format_skeleton
from flask_babel import get_locale

from dashboard.translations.said import gettext, ngettext


def iso(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC with milliseconds: '2026-11-23T15:00:00.123Z'."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(seconds: float | None) -> str | None:
    """`iso`, and None for a time that has not come."""
    return None if seconds is None else iso(seconds)


def moment(text: str) -> str:
    """A time of `iso` to the minute, as the reader's language writes it: '2026-11-23 15:00', '2026年11月23日 15:00'."""
    locale = get_locale()
    if locale is None or locale.language == "en":  # whose day and month stand in another order in each country
        return text[:16].replace("T", " ")
    at = datetime.fromisoformat(text)
    return f"{format_skeleton('yMMMd', at, locale=locale)} {format_skeleton('Hm', at, locale=locale)}"


def duration(seconds: float | None) -> str:
    """A span of time in its largest sensible unit: '0.4 s', '12 s', '5 min', '3 h', '2 days'."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return gettext("%(number)s s", number=f"{seconds:.1f}")
    if seconds < 120:
        return gettext("%(number)s s", number=f"{seconds:.0f}")
    if seconds < 7200:
        return gettext("%(number)s min", number=f"{seconds / 60:.0f}")
    if seconds < 48 * 3600:
        return gettext("%(number)s h", number=f"{seconds / 3600:.0f}")
    days = round(seconds / 86_400)
    return ngettext("%(num)s day", "%(num)s days", days)


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
    if low == high:
        return likely
    return gettext("%(likely)s (%(low)s to %(high)s)", likely=likely, low=low, high=high)
