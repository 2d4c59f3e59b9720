"""Time, injected: whoever needs it is given a clock, so that tests and the simulator can bring their own.

Of what kind a clock is matters. The farm's own (`farm.farm_clock`) says what time it is, the same on every machine: by
it go all times that one machine writes and another reads. A steady clock says how long something took: it belongs to
one process, and nobody can set it.
"""

import time
from collections.abc import Callable

#: Returns seconds. A clock of the day: since 1970, UTC. A steady one: since anything, and never back.
Clock = Callable[[], float]

#: What this machine believes the time to be. People set it, and it may be wrong by hours.
system_clock: Clock = time.time

#: Goes on while nobody can set it; whether it stands still while the machine sleeps depends on the system.
steady_clock: Clock = time.monotonic


def awake_or_asleep() -> float:
    """A steady clock that goes on while the machine sleeps, where the system has one (Linux), else `steady_clock`."""
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):
        return steady_clock()
