"""Clients that are slow on purpose, or gone without a word, must not keep a place for ever.

The head of a request is bounded by gunicorn (its `keepalive` seconds). Here are the body, which has to come at some
pace, and the answer, which has to be read.
"""

import math
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from gevent import Timeout
from werkzeug.exceptions import ClientDisconnected

#: A body may be silent for so long …
SILENT_SECONDS = 30.0
#: … and be waited for so long in all, and more for each byte that came: phones in trains send faster.
WAITED_SECONDS = 60.0
BYTES_A_SECOND = 10_000
#: Rows come as whoever makes them makes them; how many send at once is limited (dashboard.http.limits).
_STREAM, _STREAM_SECONDS = "/api/v1/jobs/stream", 600.0
_PIECE = 16 * 1024  # bytes that are waited for at once
#: Sent bytes that the other side has not taken for so long end the connection (Linux: `TCP_USER_TIMEOUT`, tcp(7)).
DEAF_SECONDS = 60

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Input(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def drop_deaf(listeners: Iterable[socket.socket]) -> None:
    """Connections that these sockets accept end when the other side reads nothing of what is sent."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    for listener in listeners:
        if option is not None and listener.family in (socket.AF_INET, socket.AF_INET6):
            listener.setsockopt(socket.IPPROTO_TCP, option, DEAF_SECONDS * 1000)


def patient(application: Application) -> Application:
    """The application, with bodies that have to come at some pace. Where one does not, the client has gone."""

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"]
        if environ.get("PATH_INFO") == _STREAM:
            environ["wsgi.input"] = PacedBody(body, silent=_STREAM_SECONDS, waited=math.inf)
        else:
            environ["wsgi.input"] = PacedBody(body)
        return application(environ, start_response)

    return answer


class PacedBody:
    """A body of a request; where it comes too slowly, it is as if the client had hung up."""

    def __init__(self, body: _Input, *, silent: float = SILENT_SECONDS, waited: float = WAITED_SECONDS) -> None:
        """`silent`: seconds until a piece must have come; `waited`: seconds for all, and more for what came."""
        self._body, self._silent, self._left = body, silent, waited

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, often less; all of them for -1. Empty at the end. Raises ClientDisconnected."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_PIECE), b""))
        began = time.monotonic()
        try:
            with Timeout(max(0.0, min(self._silent, self._left))) as mine:
                piece = self._body.read(min(size, _PIECE))
        except Timeout as slow:
            if slow is not mine:
                raise
            raise ClientDisconnected() from slow
        # Only waiting counts: what the farm does between two pieces is not the client's.
        self._left += len(piece) / BYTES_A_SECOND - (time.monotonic() - began)
        return piece
