"""Celery's home in `farm`: queues, the app, and rings. `farm.ring_consumer` is the other half: who hears them.

A message carries no work. It is an invitation to a pool to come and look into SQL, so a lost, doubled or late
one is harmless, and a queue never needs more rings than the pool has workers.
"""

import re
import threading
from pathlib import Path
from typing import Any, Protocol

import redis
from celery import Celery
from kombu.exceptions import KombuError
from pydantic import SecretStr

from farm.redis_connection import Wire, on_socket, tls_options
from farm.redis_sentinel import is_sentinel, options_of, parse
from farm.tls_trust import causes

#: The one task: "come and look". Its only argument is the name of the pool.
RING_TASK = "farm.ring"
#: For Celery's own connections. It waits for a message for a second at a time: an answer takes longer than that.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0


class BrokerSettings(Protocol):
    """What the broker needs to know of :class:`farm.settings.Settings`."""

    @property
    def redis_url(self) -> SecretStr | None: ...
    @property
    def redis_ca_file(self) -> Path | None: ...


def queue_name(pool: str) -> str:
    """The Celery queue of a pool, which is a Redis list of the same name."""
    return f"render.{pool}"


def broker_url(redis_url: str | None) -> str:
    """Celery's way to write the address: `redis://` stays, `unix:///path` becomes `redis+socket:///path`.

    Sentinels become one `sentinel://` each.

    With no Redis it is Celery's own memory: a worker then runs without rings and polls SQL.
    """
    if not redis_url:
        return "memory://"
    if is_sentinel(redis_url):
        return parse(redis_url).celery_url()
    if not on_socket(redis_url):
        return redis_url
    address, _, options = redis_url.partition("://")[2].partition("?")
    numbers = re.findall(r"(?:db|virtual_host)=(\d+)", options)
    return f"redis+socket://{address}?virtual_host={numbers[0] if numbers else 0}"


def make_app(settings: BrokerSettings) -> Celery:
    """The Celery application of this farm; it contacts nobody until it is used."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    app = Celery("farm", broker=broker_url(url), set_as_current=False)
    if url and (checks := tls_options(url, _ca_file(settings))):
        # Celery by itself would take any certificate.
        app.conf.broker_use_ssl = checks
    app.conf.update(
        # Only plain data on the wire, and no results: SQL knows what became of the work.
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        # A ring is done when it is heard. A busy worker leaves the others in the queue, for one that is idle.
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=bool(url),
        task_default_queue="farm",
        task_queues=None,
        task_create_missing_queues=True,
        # A worker outlives any outage of the broker, and whatever it answers.
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options=_transport_options(url, _ca_file(settings)),
        enable_utc=True,
        timezone="UTC",
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def _transport_options(redis_url: str | None, ca_file: str | None) -> dict[str, Any]:
    if not redis_url:
        return {}
    sentinels: dict[str, Any] = {}
    if is_sentinel(redis_url):
        address = parse(redis_url)
        asked = options_of(address, tls_options(redis_url, ca_file), CONNECT_SECONDS)
        sentinels = {"master_name": address.name, "sentinel_kwargs": asked}
    reach = {} if on_socket(redis_url) else {"socket_connect_timeout": CONNECT_SECONDS, "socket_keepalive": True}
    return {
        **reach,
        **sentinels,
        # A worker that leaves while Redis is frozen would wait for it for ever.
        "socket_timeout": ANSWER_SECONDS,
        "health_check_interval": 30,
        # Publishing gives up at once: the poll of SQL heals a ring that was not heard.
        "max_retries": 0,
        # Several farms may share a server by database number: keep their remote control apart too.
        "fanout_prefix": True,
        "fanout_patterns": True,
    }


class Broker:
    """Rings the pools. With no Redis, or with one that is away, nothing is rung and nothing is raised."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        url = settings.redis_url.get_secret_value() if settings.redis_url else None
        self._wire = Wire(url, "broker", _ca_file(settings))
        self._celery: Celery | None = None
        self._lock = threading.Lock()
        self._owed: dict[str, tuple[int, int]] = {}  # rings that wait to be sent, and workers, by pool

    @property
    def app(self) -> Celery:
        """The Celery application, made at its first use."""
        if self._celery is None:
            self._celery = make_app(self._settings)
        return self._celery

    def ring(self, pool: str, workers: int) -> bool:
        """Invite a worker of the pool to look for work, now; call it only after the commit.

        False when nobody could be reached or when `max(1, workers)` rings wait already: whoever takes one of
        those looks into SQL later than now, and sees what was just committed.
        """
        queue, most = queue_name(pool), max(1, workers)

        def press(client: redis.Redis) -> bool:
            if int(client.llen(queue)) >= most:
                return False
            self._publish(pool, queue)
            # Two who ring at once may both have seen room. Rings of a pool are all alike: drop the surplus.
            client.ltrim(queue, -most, -1)
            return True

        return self._wire.ask(press, False, "ring")

    def ring_soon(self, pool: str, workers: int, rings: int = 1) -> None:
        """Invite up to so many workers of the pool, beside: nobody waits for Redis. Call it only after the commit.

        Rings of a pool that still wait to be sent are sent together. The supervisor and the workers' own looking into
        SQL heal what is lost.
        """
        with self._lock:
            owed, _ = self._owed.get(pool, (0, 0))
            self._owed[pool] = (min(owed + rings, max(1, workers)), workers)
        self._wire.send_soon(pool, lambda _: self._ring_owed(pool), "ring")

    def _ring_owed(self, pool: str) -> None:
        with self._lock:
            rings, workers = self._owed.pop(pool, (0, 0))
        for _ in range(rings):
            if not self.ring(pool, workers):
                break

    def waiting_rings(self, pool: str) -> int:
        """How many rings wait in the pool's queue, once what was rung before has arrived; 0 when nobody answers."""
        self.flush()
        return self.queued_rings(pool)

    def queued_rings(self, pool: str) -> int:
        """How many rings wait in the pool's queue at this moment; 0 when nobody answers."""
        return self._wire.ask(lambda client: int(client.llen(queue_name(pool))), 0, "queued_rings")

    def flush(self) -> bool:
        """Wait until what was rung has arrived; False when it does not."""
        return self._wire.flush()

    def close(self) -> None:
        """Send what waits, and close the connections."""
        self._wire.close()
        if self._celery is not None:
            self._celery.close()

    def _publish(self, pool: str, queue: str) -> None:
        """Send the ring. Raises what Redis said, or that it said nothing, which Kombu hides in an error of its own."""
        try:
            with self.app.producer_pool.acquire(block=True) as producer:
                self.app.send_task(
                    RING_TASK,
                    args=[pool],
                    queue=queue,
                    producer=producer,
                    retry=False,
                    ignore_result=True,
                )
            return
        except KombuError as error:
            hidden = next((cause for cause in causes(error) if isinstance(cause, redis.RedisError)), None)
            said = hidden or redis.ConnectionError(type(error).__name__)
        # Not in the handler: what is raised there again forgets its own cause for the error that it led to.
        raise said


def _ca_file(settings: BrokerSettings) -> str | None:
    return str(settings.redis_ca_file) if settings.redis_ca_file else None
