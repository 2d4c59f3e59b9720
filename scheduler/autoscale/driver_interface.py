"""What drivers are told, and what they are: the common ground of all that start and stop workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from farm.catalog import Scaling


class NotScaled(Exception):
    """The driver could not do it; the message says why, in one line."""


@dataclass(frozen=True)
class Order:
    """So many workers of a pool from now on; those on the hosts in `losing` go first."""

    pool: str
    scaling: Scaling
    desired: int
    losing: Sequence[str] = ()


class Driver(Protocol):
    """Makes a pool as large as it should be."""

    #: Whether workers are chosen and asked to end through their heartbeat before the driver acts.
    asks_workers: bool

    def scale(self, order: Order) -> None:
        """Do it, or begin to; called at every decision, also when nothing changed. Raises NotScaled."""
        ...
