"""Celery's only home in `farm`: queues, the app, and rings.

A message carries no work. It is an invitation to a pool to come and look into SQL, so a lost, doubled or late
one is harmless, and a queue never needs more rings than the pool has workers.
"""

import re
import socket
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import redis
from celery import Celery, signals
from celery.concurrency.thread import TaskPool
from celery.exceptions import SecurityWarning
from kombu.asynchronous import get_event_loop
from kombu.exceptions import KombuError
from pydantic import SecretStr

from farm.wire import Wire, on_socket

#: The one task: "come and look". Its only argument is the name of the pool.
RING_TASK = "farm.ring"


class BrokerSettings(Protocol):
    """What the broker needs to know of :class:`farm.settings.Settings`."""

    @property
    def redis_url(self) -> SecretStr | None: ...


def queue_name(pool: str) -> str:
    """The Celery queue of a pool, which is a Redis list of the same name."""
    return f"render.{pool}"


def broker_url(redis_url: str | None) -> str:
    """Celery's way to write the address: `redis://` stays, `unix:///path` becomes `redis+socket:///path`.

    With no Redis it is Celery's own memory: a worker then runs without rings and polls SQL.
    """
    if not redis_url:
        return "memory://"
    if not on_socket(redis_url):
        return redis_url
    address, _, options = redis_url.partition("://")[2].partition("?")
    numbers = re.findall(r"(?:db|virtual_host)=(\d+)", options)
    return f"redis+socket://{address}?virtual_host={numbers[0] if numbers else 0}"


def make_app(settings: BrokerSettings) -> Celery:
    """The Celery application of this farm; it contacts nobody until it is used."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    app = Celery("farm", broker=broker_url(url), set_as_current=False)
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
        # A worker outlives any outage of the broker.
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_transport_options=_transport_options(url),
        enable_utc=True,
        timezone="UTC",
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def _transport_options(redis_url: str | None) -> dict[str, Any]:
    if not redis_url:
        return {}
    reach = {} if on_socket(redis_url) else {"socket_connect_timeout": 5, "socket_keepalive": True}
    return {
        **reach,
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
        self._wire = Wire(settings.redis_url.get_secret_value() if settings.redis_url else None, "broker")
        self._celery: Celery | None = None

    @property
    def app(self) -> Celery:
        """The Celery application, made at its first use."""
        if self._celery is None:
            self._celery = make_app(self._settings)
        return self._celery

    def ring(self, pool: str, workers: int) -> bool:
        """Invite the pool's workers to look for work; call it only after the commit.

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

        return self._wire.ask(press, False)

    def waiting_rings(self, pool: str) -> int:
        """How many rings wait in the pool's queue; 0 when nobody can be asked."""
        return self._wire.ask(lambda client: int(client.llen(queue_name(pool))), 0)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
        if self._celery is not None:
            self._celery.close()

    def _publish(self, pool: str, queue: str) -> None:
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
        except KombuError as error:
            raise redis.ConnectionError(type(error).__name__) from error


def serve_rings(
    settings: BrokerSettings,
    *,
    pool: str,
    worker_name: str,
    on_ring: Callable[[], None],
    on_drain: Callable[[], None],
) -> None:
    """Be a Celery worker of the pool's queue until SIGTERM or SIGINT; call it in the main thread.

    `on_ring` runs in a thread of its own, one at a time, so that ping, inspect and other remote control are answered
    meanwhile. `on_drain` runs as soon as the signal has come; this returns when `on_ring` has returned after that.
    Celery's own name of the worker is `<worker_name>@<host>`. With the broker away it waits for it, for ever.
    """
    app = make_app(settings)
    app.task(name=RING_TASK)(_hear(on_ring))
    # Strong references: Celery forgets a handler that nobody else holds.
    signals.setup_logging.connect(_leave_logging_alone, weak=False)
    signals.worker_shutting_down.connect(_hear_signal(on_drain), weak=False)
    # It warns root of pickled messages, which this app does not accept.
    warnings.simplefilter("ignore", SecurityWarning)
    worker = app.Worker(
        hostname=f"{worker_name}@{socket.gethostname()}",
        queues=[queue_name(pool)],
        pool=_Ringers,
        concurrency=1,
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()


class _Ringers(TaskPool):
    """Celery's pool of threads, but that Celery listens again as soon as a ring is answered.

    It fetches one message at a time, and looks whether it may fetch the next only when its loop turns: by itself up to
    a second after the last one was answered.
    """

    def on_apply(self, *arguments: Any, **options: Any) -> Any:
        """Answer one ring in a thread."""
        answered = super().on_apply(*arguments, **options)
        answered.f.add_done_callback(_turn_the_loop)
        return answered


def _turn_the_loop(_: object) -> None:
    loop = get_event_loop()
    if loop is not None:
        loop.call_soon(lambda: None)


def _hear(on_ring: Callable[[], None]) -> Callable[[str], None]:
    def ring(pool: str) -> None:
        on_ring()

    return ring


def _hear_signal(on_drain: Callable[[], None]) -> Callable[..., None]:
    def drain(**_: Any) -> None:
        on_drain()

    return drain


def _leave_logging_alone(**_: Any) -> None:
    """Its presence keeps Celery from setting up a logging of its own."""
