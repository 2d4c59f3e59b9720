"""The connection to Redis (or Valkey) that the broker and the progress board share: it never raises, nor waits long.

Nothing that is true lives only in Redis, so losing it costs speed and nothing else. What is asked is answered, or gets
its fallback; what is told goes beside, in a thread, so that nobody's request waits for it. A Redis that was lost is
left alone by everybody until that thread has found it again. The loss is logged once, and so is the return.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from farm.redis_errors import is_refusal, loss, refusal
from farm.redis_sentinel import is_sentinel, options_of, parse

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")
Message = Callable[[redis.Redis], object]

#: How long to leave a lost Redis alone before it is tried again.
REST_SECONDS = 2.0
#: A host that does not answer at all costs this much, once per loss.
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0
#: What may wait to be told; more than that and the oldest is forgotten.
MOST_WAITING = 1000
#: How long `close` waits for what is still to be told.
FLUSH_SECONDS = 3.0
#: What a lost, refusing or overloaded Redis raises.
LOST = (redis.RedisError, OSError)


def connect(url: str, ca_file: str | None = None, seconds: float | None = None) -> redis.Redis:
    """A client for `redis://`, `rediss://`, `unix://`, `redis+socket://` or Sentinels; connects at the first command.

    `seconds`: how long it waits for a connection, and for an answer, if not as long as usual.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": seconds or ANSWER_SECONDS,
        "health_check_interval": 30,
        # Once more for a connection that was closed meanwhile, never for a server that does not answer.
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    }
    if is_sentinel(url):
        return _primary(url, {**options, **_network(url, ca_file, seconds)})
    if on_socket(url):
        url = "unix://" + url.partition("://")[2].replace("virtual_host=", "db=")
    else:
        options |= _network(url, ca_file, seconds)
    return redis.Redis.from_url(url, **options)


def _network(url: str, ca_file: str | None, seconds: float | None) -> dict[str, Any]:
    waits = {"socket_connect_timeout": seconds or CONNECT_SECONDS, "socket_keepalive": True}
    return {**waits, **tls_options(url, ca_file)}


def _primary(url: str, options: dict[str, Any]) -> redis.Redis:
    """A client whose every new connection leads to whom the Sentinels call the primary at that moment."""
    address = parse(url)
    if address.tls:
        options["ssl"] = True
    tls = {key: value for key, value in options.items() if key.startswith("ssl_")}
    asked = options_of(address, tls, options["socket_connect_timeout"])
    sentinels = Sentinel(address.sentinels, sentinel_kwargs={**asked, "decode_responses": True})  # type: ignore[no-untyped-call]
    client: redis.Redis = sentinels.master_for(address.name, db=address.db, **address.credentials, **options)  # type: ignore[no-untyped-call]
    return client


def on_socket(url: str) -> bool:
    """Whether the address is a Unix socket: `unix://`, or `redis+socket://` as Celery writes it."""
    return url.startswith(("unix://", "redis+socket://"))


def tls_options(url: str, ca_file: str | None) -> dict[str, Any]:
    """How the server is checked, in the words of redis-py, for it and for Celery; nothing for an address without TLS.

    Always: by the certificates of the system, or by those in `ca_file`, and by the host's name.
    """
    if not url.startswith(("rediss://", "rediss+sentinel://")):
        return {}
    checked = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    return checked | ({"ssl_ca_certs": ca_file} if ca_file else {})


class Wire:
    """A Redis that may be away, or not be there at all (`url` is None). Threads may share it."""

    def __init__(self, url: str | None, user: str, ca_file: str | None = None) -> None:
        """`user` says in the log whose wire it is: 'broker' or 'progress'."""
        self._client = connect(url, ca_file) if url else None
        self._user = user
        self._change = threading.Condition()
        self._waiting: OrderedDict[Hashable, Message] = OrderedDict()
        self._sending = False  # the thread is in the middle of a message
        self._thread: threading.Thread | None = None
        self._works_in: int | None = None  # the process that has the thread
        self._closed = False
        self._lost = False
        self._refused: dict[str, str] = {}  # what was refused last, by the kind of question

    @property
    def reachable(self) -> bool:
        """Whether there is a Redis and it was not lost, as far as the last question or message said."""
        return self._client is not None and not self._is_lost()

    def ask(self, question: Callable[[redis.Redis], Answer], fallback: Answer, kind: str = "question") -> Answer:
        """What `question` answers, or `fallback` when Redis is not there, was lost, or refuses."""
        if self._client is None or self._is_lost():
            return fallback
        try:
            answer = question(self._client)
        except LOST as error:
            self.failed(error, kind)
            return fallback
        self.worked(kind)
        return answer

    def send_soon(self, key: Hashable, message: Message, kind: str = "message") -> None:
        """Have `message` done beside, soon, in the order of the calls; one with its key that still waits is dropped.

        All are forgotten while Redis is lost.
        """
        if self._client is None or self._is_lost():
            return
        with self._change:
            self._waiting[key] = lambda client: self._send(client, message, kind)
            self._waiting.move_to_end(key)  # it must not overtake what was told between the two
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
            self._work()

    def flush(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Wait until everything was told, or Redis was lost; False when it is not for so long."""
        with self._change:
            return self._change.wait_for(lambda: self._lost or not (self._waiting or self._sending), seconds)

    def failed(self, error: Exception, kind: str = "question") -> None:
        """What was asked failed. A Redis that is away is left alone; one that refuses goes on being asked."""
        if is_refusal(error):
            self._was_refused(error, kind)
            return
        with self._change:
            first, self._lost = not self._lost, True
            self._waiting.clear()
            self._work()
        if first:
            # In our words: redis-py's messages may hold the address with its password.
            log.warning("redis lost", user=self._user, reason=loss(error))

    def close(self) -> None:
        """Tell what still waits, and close the connections; a later question opens them again."""
        if self._client is None:
            return
        self.flush()
        with self._change:
            self._closed = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(ANSWER_SECONDS)
        self._client.close()

    def _is_lost(self) -> bool:
        if self._lost and not self._works():
            with self._change:
                self._work()  # a process that was forked has no thread that would find it again
        return self._lost

    def _work(self) -> None:
        """Have the thread look; started when there is none. With `_change` held."""
        if not self._works():
            self._closed = False
            self._thread = threading.Thread(target=self._run, name=f"redis-{self._user}", daemon=True)
            self._thread.start()
            self._works_in = os.getpid()  # once it has begun; it cannot end before we let go of `_change`
        self._change.notify_all()

    def _works(self) -> bool:
        """Whether there is a thread in this process: a forked one has none. Not asked by `is_alive`, for which a
        cooperative thread gives its turn away.
        """
        return self._works_in == os.getpid()

    def _run(self) -> None:
        try:
            self._tell()
        finally:
            self._works_in = None

    def _tell(self) -> None:
        assert self._client is not None
        while not self._closed:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._lost or self._closed)
                message = self._waiting.popitem(last=False)[1] if self._waiting else None
                self._sending = message is not None
            if message is not None:
                message(self._client)
                with self._change:
                    self._sending = False
                    self._change.notify_all()
            elif self._lost:
                self._find()

    def _send(self, client: redis.Redis, message: Message, kind: str) -> None:
        try:
            message(client)
        except LOST as error:
            self.failed(error, kind)
        else:
            self.worked(kind)

    def _find(self) -> None:
        """Rest, then see whether it answers again."""
        assert self._client is not None
        until = time.monotonic() + REST_SECONDS
        with self._change:
            self._change.wait_for(lambda: self._closed, until - time.monotonic())
        if self._closed:
            return
        try:
            self._client.ping()
        except LOST as error:
            if not is_refusal(error):
                return
        with self._change:
            self._lost = False
        log.info("redis is back", user=self._user)

    def _was_refused(self, error: Exception, kind: str) -> None:
        """Said once for each reason. Another server may be behind the address by now: connect anew."""
        reason = refusal(error)
        with self._change:
            known = reason in self._refused.values()
            self._refused[kind] = reason
        if not known:
            log.warning("redis refuses", user=self._user, what=kind, reason=reason)
        if self._client is not None:
            self._client.connection_pool.disconnect(inuse_connections=False)

    def worked(self, kind: str) -> None:
        """What was refused before works again."""
        if kind not in self._refused:
            return
        with self._change:
            self._refused.pop(kind, None)
            all_well = not self._refused
        if all_well:
            log.info("redis takes all commands again", user=self._user)
