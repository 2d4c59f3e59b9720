"""Who has written nothing, and for how long: by the watcher's own steady clock, whatever time anybody writes.

A time in a row says when something was due, by a clock that may have been set since. Silence is seen: the row stays as
it is at one look after the other. So nobody is given up because a clock jumped, because the machine slept, or because
the watcher did not look for a while; and nobody is waited for longer because a clock was set back.
"""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

#: Between two looks at most this share of `silent_seconds` counts: it takes three looks to give somebody up.
_SHARE = 0.5

Thing = TypeVar("Thing", bound=Hashable)


class SilenceTimer(Generic[Thing]):
    """What has not changed since when. A thing is a row with everything that its owner would change in it."""

    def __init__(self) -> None:
        self._seconds: dict[Thing, float] = {}
        self._looked_at = 0.0

    def look(self, things: Iterable[Thing], *, silent_seconds: float, at: float) -> list[Thing]:
        """Those that were there at every look for `silent_seconds` seconds; what is not among `things` is forgotten.

        `at`: by a steady clock, the same at every look.
        """
        passed = min(max(0.0, at - self._looked_at), silent_seconds * _SHARE)
        self._looked_at = at
        self._seconds = {thing: self._seconds[thing] + passed if thing in self._seconds else 0.0 for thing in things}
        return [thing for thing, seconds in self._seconds.items() if seconds >= silent_seconds]
