"""Every request has an id, its own or one of ours: it stands in the answer, in problems and in the log."""

import re

import structlog
from flask import Flask, Response, g, request

from farm.ids import new_id

HEADER = "X-Request-Id"
#: What is taken as it comes; anything else might write lines of its own into somebody's log.
_GOOD = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}", re.ASCII)


def register(app: Flask) -> None:
    """Give each request its id, before anything may be refused or logged."""

    @app.before_request
    def _begin() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _GOOD.fullmatch(given) else new_id()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def _tell(response: Response) -> Response:
        if (found := request_id()) is not None:
            response.headers[HEADER] = found
        return response

    @app.teardown_request
    def _end(_: BaseException | None) -> None:
        structlog.contextvars.unbind_contextvars("request_id")


def request_id() -> str | None:
    """The id of this request; None before it has one."""
    found: str | None = g.get("request_id")
    return found
