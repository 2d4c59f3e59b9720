"""Time, injected: whoever needs it is given a clock, so that tests and the simulator can bring their own."""

import time
from collections.abc import Callable

#: Returns seconds since 1970, UTC.
Clock = Callable[[], float]

system_clock: Clock = time.time
