"""Who starts and stops workers, once it is decided how many there should be.

`local` (`farm up`) and `metrics` (KEDA, by the HTTP API) read the wanted number by themselves; `kubernetes` is told.
"""

from collections.abc import Mapping

from scheduler.autoscale.driver_interface import Driver, Order
from scheduler.autoscale.kubernetes import Kubernetes


class ReadsForItself:
    """For those who read the wanted number when they want to know it."""

    def __init__(self, *, asks_workers: bool) -> None:
        self.asks_workers = asks_workers

    def scale(self, order: Order) -> None:
        """Nothing to do."""


def make_drivers() -> Mapping[str, Driver]:
    """The drivers by the name that the catalog uses."""
    return {
        "local": ReadsForItself(asks_workers=True),
        # Whoever removes a worker for KEDA sends it SIGTERM, upon which it drains as well; one that ended before
        # would only be started again by the kubelet.
        "metrics": ReadsForItself(asks_workers=False),
        "kubernetes": Kubernetes(),
    }
