"""The connection to Redis (or Valkey) that the broker and the progress board share: it never raises.

Nothing that is true lives only in Redis, so losing it costs speed and nothing else. Every call either answers
or returns its fallback; the loss is logged once, and so is the return.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")

#: How long to leave a lost Redis alone before the next try: a step loop must not wait for a dead host.
REST_SECONDS = 1.0
#: A host that does not answer at all costs this much, once per rest.
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
#: What a lost, refusing or overloaded Redis raises.
LOST = (redis.RedisError, OSError)


def connect(url: str) -> redis.Redis:
    """A client for `redis://`, `rediss://`, `unix://` or `redis+socket://`; connects at the first command."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": ANSWER_SECONDS,
        "health_check_interval": 30,
        "retry": Retry(NoBackoff(), 1),
    }
    if on_socket(url):
        url = "unix://" + url.partition("://")[2].replace("virtual_host=", "db=")
    else:
        options |= {"socket_connect_timeout": CONNECT_SECONDS, "socket_keepalive": True}
    return redis.Redis.from_url(url, **options)


def on_socket(url: str) -> bool:
    """Whether the address is a Unix socket: `unix://`, or `redis+socket://` as Celery writes it."""
    return url.startswith(("unix://", "redis+socket://"))


class Wire:
    """A Redis that may be away, or not be there at all (`url` is None). Threads may share it."""

    def __init__(self, url: str | None, user: str) -> None:
        """`user` says in the log whose wire it is: 'broker' or 'progress'."""
        self._client = connect(url) if url else None
        self._user = user
        self._lock = threading.Lock()
        self._rest_until = 0.0
        self._lost = False

    def ask(self, question: Callable[[redis.Redis], Answer], fallback: Answer) -> Answer:
        """What `question` answers, or `fallback` when Redis is not there or was lost a moment ago."""
        if self._client is None or time.monotonic() < self._rest_until:
            return fallback
        try:
            answer = question(self._client)
        except LOST as error:
            self.lost(error)
            return fallback
        self._found()
        return answer

    def lost(self, error: Exception) -> None:
        """Redis did not answer: leave it alone for a moment, and say so the first time."""
        with self._lock:
            self._rest_until = time.monotonic() + REST_SECONDS
            first, self._lost = not self._lost, True
        if first:
            # The kind only: redis-py's messages may hold the address with its password.
            log.warning("redis lost", user=self._user, error=type(error).__name__)

    def _found(self) -> None:
        if not self._lost:
            return
        with self._lock:
            again, self._lost = self._lost, False
        if again:
            log.info("redis is back", user=self._user)

    def close(self) -> None:
        """Close the connections; a later question opens them again."""
        if self._client is not None:
            self._client.close()
