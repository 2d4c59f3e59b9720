"""One line in the log for each request that was answered, where the setting `log_requests` asks for it.

It has the address as it is declared (`/sign-in/<secret>`), never as it was sent: addresses may hold secrets.
"""

import time

import structlog
from flask import Flask, Response, g, request

from dashboard.http.request_metrics import LEFT_OUT
from farm.settings import Settings

log = structlog.get_logger(__name__)


def register(app: Flask, settings: Settings) -> None:
    """Write the lines of `app`, whose request ids stand in them; `request_metrics` says when a request came."""
    if not settings.log_requests:
        return

    @app.after_request
    def _write(response: Response) -> Response:
        if request.endpoint not in LEFT_OUT:
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
