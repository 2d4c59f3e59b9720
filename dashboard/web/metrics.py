"""`/metrics`: what Prometheus reads of the whole farm. Closed unless the operator says who may read it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import cast

from flask import Blueprint, Response, current_app, request
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from dashboard.context import farm
from dashboard.http import request_metrics
from dashboard.readiness import READINESS, Readiness
from dashboard.reads.metrics.farm_metrics import farm_samples
from dashboard.reads.metrics.samples import Sample
from farm.metrics.exposition import expose
from farm.metrics.farm_wide import FARM_METRICS
from farm.metrics.process_metrics import Kind

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def scrape() -> Response:
    """For operators, and for those whom `dashboard.http.scrapers` lets in without a key."""
    samples = farm_samples(farm(), cast(Readiness, current_app.extensions[READINESS]))
    registry = CollectorRegistry()
    registry.register(_Samples(samples))
    request_metrics.add_to(registry)
    body, content_type = expose(registry, request.headers.get("Accept", ""))
    return Response(body, content_type=content_type)


class _Samples(Collector):
    """What was read for this scrape, as the client library writes it."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._by_name: defaultdict[str, list[Sample]] = defaultdict(list)
        for sample in samples:
            self._by_name[sample.metric.name].append(sample)

    def collect(self) -> Iterator[Family]:
        for metric in FARM_METRICS:
            if metric.kind is Kind.HISTOGRAM:
                continue  # of requests, which nobody reads from SQL
            kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
            family = kind(metric.name, metric.about, labels=metric.labels)
            for sample in self._by_name[metric.name]:
                family.add_metric(sample.labels, sample.value)
            if family.samples:
                yield family
