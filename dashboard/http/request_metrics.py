"""How long requests took, of all processes of this dashboard together: a part of what `/metrics` says.

Addresses are counted as they are declared (`/api/v1/jobs/<job_id>`), so that there are as many series as routes.
"""

import os
import shutil
import time

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector

from dashboard.http.headers import OPEN_TO_ALL_HOSTS
from dashboard.http.scrapers import METRICS
from farm.metrics.farm_wide import REQUEST_SECONDS

#: What asks every few seconds, and what every page asks for.
LEFT_OUT = OPEN_TO_ALL_HOSTS | {METRICS, "static"}
#: The variable that names the folder in which prometheus_client lets processes add up; it looks when it is imported.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
_EXTENSION = "farm-request-metrics"
#: Methods that somebody made up are one.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def register(app: Flask) -> None:
    """Take the time of every request of `app`: `g.began` is when it came, by `time.perf_counter`."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # another series for each, which nobody asks for
    registry = CollectorRegistry()
    seconds = Histogram(
        REQUEST_SECONDS.name,
        REQUEST_SECONDS.about,
        REQUEST_SECONDS.labels,
        registry=registry,
        buckets=REQUEST_SECONDS.buckets,
    )
    app.extensions[_EXTENSION] = registry

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _observe(response: Response) -> Response:
        if request.endpoint not in LEFT_OUT and "began" in g:
            method = request.method if request.method in _METHODS else "other"
            path = request.url_rule.rule if request.url_rule else "no such address"
            status = f"{response.status_code // 100}xx"
            seconds.labels(method, path, status).observe(time.perf_counter() - g.began)
        return response


def add_to(registry: CollectorRegistry) -> None:
    """Let a scrape tell of the requests of all processes, or of this one where it is alone."""
    if SHARED in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(current_app.extensions[_EXTENSION])


def forget() -> None:
    """Remove what the processes have added up; they have ended."""
    shutil.rmtree(os.environ.get(SHARED, ""), ignore_errors=True)
