"""One line in the log for each request that was answered, where the setting `log_requests` asks for it.

It has the address as it is declared (`/sign-in/<secret>`), never as it was sent: addresses may hold secrets.
"""

import time

import structlog
from flask import Flask, Response, g, request

from dashboard.http.headers import OPEN_TO_ALL_HOSTS
from dashboard.http.scrapers import METRICS
from farm.settings import Settings

log = structlog.get_logger(__name__)

#: What asks every few seconds, and what every page asks for.
_LEFT_OUT = OPEN_TO_ALL_HOSTS | {METRICS, "static"}


def register(app: Flask, settings: Settings) -> None:
    """Write the lines of `app`; its request ids stand in them."""
    if not settings.log_requests:
        return

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _write(response: Response) -> Response:
        if request.endpoint not in _LEFT_OUT:
            who = g.get("principal")
            log.info(
                "request",
                method=request.method,
                path=request.url_rule.rule if request.url_rule else "no such address",
                status=response.status_code,
                seconds=round(time.perf_counter() - g.get("began", time.perf_counter()), 4),
                project_id=who.project_id if who else None,
            )
        return response
