"""How long the bridge waits before it asks again: pure functions of what happened so far. All figures are seconds."""

from __future__ import annotations

#: The Horde had no job: asked often at first, since the next may come at once.
FIRST_IDLE, LONGEST_IDLE = 1.0, 10.0
#: The Horde, or the farm, does not answer, or has nothing for this worker for the time being.
FIRST_AWAY, LONGEST_AWAY = 2.0, 300.0
_MOST_DOUBLINGS = 20


def idle_pause(empty_pops: int) -> float:
    """After so many pops in a row that brought nothing, at least one."""
    return _doubled(FIRST_IDLE, empty_pops, LONGEST_IDLE)


def away_pause(failures: int, retry_after: float | None, share: float) -> float:
    """After so many failures in a row, at least one.

    `retry_after` is what the other side asked for, which is never undercut; `share`, from 0 to 1, is drawn anew each
    time and spreads bridges that lost the same Horde at the same moment.
    """
    pause = _doubled(FIRST_AWAY, failures, LONGEST_AWAY) * (0.5 + share / 2)
    return max(pause, min(retry_after or 0.0, LONGEST_AWAY))


def _doubled(first: float, times: int, longest: float) -> float:
    return min(first * 2.0 ** min(max(times, 1) - 1, _MOST_DOUBLINGS), longest)
