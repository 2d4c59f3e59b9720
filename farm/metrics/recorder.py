"""Who takes the figures of a process. While nobody reads them, somebody who forgets them: nothing is imported."""

from typing import Any

from farm.metrics.process_metrics import Metric


class Recorder:
    """Forgets what it is told. `farm.metrics.prometheus.PrometheusRecorder` does not. Threads may share it.

    Labels are those that the metric declares; those that are the same for the whole process need not be named.
    """

    #: Whether anybody can read them: what costs something only to be measured asks first.
    reads = False

    def count(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        """Add to a counter."""

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Put a value into a histogram, in the unit of its name."""

    def put(self, metric: Metric, value: float, **labels: str) -> None:
        """What a gauge shows from now on."""

    def add(self, collector: Any) -> None:
        """Ask this collector of prometheus_client, too, whenever somebody reads."""


NOBODY_READS = Recorder()
