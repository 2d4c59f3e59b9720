"""The one shape of a duty: its name, how often it is done, and how."""

from collections.abc import Callable
from dataclasses import dataclass

from farm.connections import Connections


@dataclass(frozen=True)
class Duty:
    """Something to be done again and again; right also when two supervisors do it at the same time.

    `one_pass(connections, now)` does it once and returns how many things were changed. It is done in every round of the
    supervisor, or, with an `interval` in seconds, no sooner than so long after the last time. While the farm is idle
    (`scheduler.maintenance.idle_farm`) it is no sooner than `idle_interval` seconds after it. A duty of `everybody` is
    also done by supervisors that wait for the one that acts.
    """

    name: str
    one_pass: Callable[[Connections, float], int]
    interval: float = 0.0
    idle_interval: float = 0.0
    everybody: bool = False
