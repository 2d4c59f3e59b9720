"""What the server itself refuses, before the application hears of it, is refused in the form of all other errors."""

import json
from typing import Any

from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.util import write_nonblock
from gunicorn.workers.ggevent import GeventWorker

from dashboard.problems import PROBLEM_JSON, AddressTooLong, BadRequest, HeadersTooLarge
from farm.errors import FarmError
from farm.problems import problem


class ProblemWorker(GeventWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn's worker, whose own refusals are RFC 9457 instead of HTML pages."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what could not be read; whoever is gone meanwhile needs no answer."""
        refused = _refused(exc)
        if refused is None:
            super().handle_error(req, client, addr, exc)
            return
        try:
            write_nonblock(client, _answer(refused))
        except OSError:
            self.log.debug("Who sent what cannot be read is gone.")


def _refused(error: BaseException) -> FarmError | None:
    if not isinstance(error, ParseException) or isinstance(error, InvalidResponseHeader | InvalidResponseHeaderName):
        return None  # a fault of ours, or of the connection
    if isinstance(error, LimitRequestLine):
        return AddressTooLong()
    if isinstance(error, LimitRequestHeaders):
        return HeadersTooLarge()
    return BadRequest()


def _answer(refused: FarmError) -> bytes:
    body = json.dumps(problem(refused)).encode()
    head = (
        f"HTTP/1.1 {refused.status} {refused.title}\r\nConnection: close\r\n"
        f"Content-Type: {PROBLEM_JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body
