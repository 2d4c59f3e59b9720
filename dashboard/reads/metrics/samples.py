"""One value of a metric, before it is written as Prometheus reads it."""

from dataclasses import dataclass

from farm.metrics.process_metrics import Metric


@dataclass(frozen=True)
class Sample:
    """A metric's value now, with the values of its labels in the order in which it declares them."""

    metric: Metric
    labels: tuple[str, ...]
    value: float
