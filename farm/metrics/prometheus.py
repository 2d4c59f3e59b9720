"""The recorder that Prometheus can read, over the official client. Imported only where the port is open."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from farm.metrics.process_metrics import Kind, Metric
from farm.metrics.recorder import Recorder


class PrometheusRecorder(Recorder):
    """Keeps the figures in a registry of its own.

    Parameters:
        metrics: shown from the start. One without labels of its own begins at nought: what was never seen, nobody can
            ask for its rate.
        always: labels that are the same for the whole process, as `pool`.
    """

    reads = True

    def __init__(self, metrics: Iterable[Metric], always: Mapping[str, str]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # another series for each, which nobody asks for
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._always = dict(always)
        self._lock = threading.Lock()
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        for metric in metrics:
            if metric.labels and set(metric.labels) <= set(self._always):
                self._with(metric, {})
            else:
                self._of(metric)

    def count(self, metric: Metric, amount: float = 1.0, **labels: str) -> None:
        cast(Counter, self._with(metric, labels)).inc(amount)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        cast(Histogram, self._with(metric, labels)).observe(value)

    def put(self, metric: Metric, value: float, **labels: str) -> None:
        cast(Gauge, self._with(metric, labels)).set(value)

    def add(self, collector: Any) -> None:
        self.registry.register(collector)

    def _with(self, metric: Metric, labels: Mapping[str, str]) -> Counter | Gauge | Histogram:
        made = self._of(metric)
        if not metric.labels:
            return made
        return made.labels(**{name: labels[name] if name in labels else self._always[name] for name in metric.labels})

    def _of(self, metric: Metric) -> Counter | Gauge | Histogram:
        with self._lock:
            if metric.name not in self._made:
                self._made[metric.name] = self._make(metric)
            return self._made[metric.name]

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind is Kind.COUNTER:
            return Counter(metric.name, metric.about, metric.labels, registry=self.registry)
        if metric.kind is Kind.GAUGE:
            return Gauge(metric.name, metric.about, metric.labels, registry=self.registry)
        return Histogram(metric.name, metric.about, metric.labels, registry=self.registry, buckets=metric.buckets)
