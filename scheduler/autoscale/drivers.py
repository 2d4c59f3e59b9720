"""Who starts and stops workers, once it is decided how many there should be.

`local` (`farm up`) and `metrics` (KEDA, by the HTTP API) read the wanted number by themselves; `kubernetes` is told.
"""

from collections.abc import Mapping, Sequence
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


class ReadsForItself:
    """For those who read the wanted number when they want to know it."""

    def __init__(self, *, asks_workers: bool) -> None:
        self.asks_workers = asks_workers

    def scale(self, order: Order) -> None:
        """Nothing to do."""


def make_drivers() -> Mapping[str, Driver]:
    """The drivers by the name that the catalog uses."""
    from scheduler.autoscale.kubernetes import Kubernetes

    return {
        "local": ReadsForItself(asks_workers=True),
        # Whoever removes a worker for KEDA sends it SIGTERM, upon which it drains as well; one that ended before
        # would only be started again by the kubelet.
        "metrics": ReadsForItself(asks_workers=False),
        "kubernetes": Kubernetes(),
    }
