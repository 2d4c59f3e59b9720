"""Hearing rings: this process as a Celery worker of one pool's queue. `farm.broker` rings.

Whatever Redis does, it is waited for: away, frozen, or answering with errors, as the old primary does to everybody at
the moment of a failover. Meanwhile the worker polls SQL.
"""

import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis
import structlog
from celery import Celery, signals
from celery.app.control import Control
from celery.concurrency.thread import TaskPool
from celery.events.dispatcher import EventDispatcher
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.worker import state
from celery.worker.consumer import Consumer
from kombu.asynchronous import get_event_loop
from kombu.exceptions import InconsistencyError, OperationalError
from kombu.pidbox import Mailbox

from farm.broker import RING_TASK, BrokerSettings, make_app, queue_name
from farm.redis_errors import reason

log = structlog.get_logger(__name__)

#: Before the next try: a server that refuses would otherwise be asked, and the log written, ten times a second.
PAUSE_SECONDS = 2.0
#: Between two of Celery's own heartbeats, which only its monitors read: each says when the next one comes.
HEARTBEAT_SECONDS = 30.0


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
    ending = threading.Event()

    def drain(**_: Any) -> None:
        ending.set()
        on_drain()

    app = make_app(settings)
    app.task(name=RING_TASK)(_ring_task(on_ring))
    app.events.dispatcher_cls = f"{__name__}:{_SentOnce.__name__}"
    app.control_cls = f"{__name__}:{_Control.__name__}"
    # Strong references: Celery forgets a handler that nobody else holds.
    signals.setup_logging.connect(_leave_logging_alone, weak=False)
    signals.worker_shutting_down.connect(drain, weak=False)
    # It warns root of pickled messages, which this app does not accept.
    warnings.simplefilter("ignore", SecurityWarning)
    while not ending.is_set():
        _serve(app, pool, worker_name, ending)
        if not ending.is_set():
            # Whatever it was that Celery could not live with, its own log has said it. Its signal handlers stay.
            log.warning("celery ended by itself and is started again", seconds=PAUSE_SECONDS)
            ending.wait(PAUSE_SECONDS)


def _serve(app: Celery, pool: str, worker_name: str, ending: threading.Event) -> None:
    worker = app.Worker(
        consumer_cls=_patient(ending),
        hostname=f"{worker_name}@{socket.gethostname()}",
        queues=[queue_name(pool)],
        pool=_Ringers,
        concurrency=1,
        without_gossip=True,
        without_mingle=True,
        heartbeat_interval=HEARTBEAT_SECONDS,
        quiet=True,
    )
    worker.start()


def _patient(ending: threading.Event) -> type[Consumer]:
    """Celery's consumer, but that it rests between two tries and says why in the farm's words, each reason once."""

    class Patient(Consumer):
        _reported = ""

        def on_ready(self) -> None:
            if self._reported:
                log.info("rings are heard again")
                self._reported = ""
            super().on_ready()

        def ensure_connected(self, conn: Any) -> Any:
            connected = conn.ensure_connection(
                lambda error, seconds: self._report(error),
                interval_start=PAUSE_SECONDS,
                interval_step=0,
                callback=state.maybe_shutdown,
            )
            self.first_connection_attempt = False
            return connected

        def on_connection_error_before_connected(self, exc: Exception) -> None:
            self._report_and_wait(exc)

        def on_connection_error_after_connected(self, exc: Exception) -> None:
            with warnings.catch_warnings():
                # It asks at every loss whether tasks should be cancelled: the setting says no.
                warnings.simplefilter("ignore", CPendingDeprecationWarning)
                super().on_connection_error_after_connected(exc)
            self._report_and_wait(exc)

        def _report_and_wait(self, error: Exception) -> None:
            self._report(error)
            ending.wait(PAUSE_SECONDS)

        def _report(self, error: Exception) -> None:
            why = reason(error)
            if why != self._reported:
                log.warning("rings cannot be heard; work is found by looking into SQL", reason=why)
                self._reported = why

    return Patient


class _SentOnce(EventDispatcher):
    """Celery's events, of which its monitors live (Flower), but that one that cannot be sent is not tried for ever.

    Celery 5.7 does so with its heartbeats, in the main thread: a worker that is told to end then never looks at it.
    """

    def send(self, *arguments: Any, **fields: Any) -> None:
        """Send it if that is possible now; else it goes with what is sent after the next connection."""
        super().send(*arguments, **(fields | {"retry": False}))


class _Answers(Mailbox):
    """Celery's remote control (ping, inspect), but that an answer that cannot be sent is not tried for ever.

    kombu 5.7 does so in the main thread, too. Whoever has asked waits for a second.
    """

    @contextmanager
    def producer_or_acquire(self, producer: Any = None, channel: Any = None) -> Iterator[Any]:
        """What an answer is sent with."""
        with super().producer_or_acquire(producer, channel) as found:
            yield _TriedOnce(found)


class _TriedOnce:
    """Publishes if that is possible now, and says why not."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer

    def publish(self, *arguments: Any, **fields: Any) -> None:
        """Raises InconsistencyError when nobody listens any more."""
        try:
            self._producer.publish(*arguments, **(fields | {"retry": False}))
        except InconsistencyError:
            raise
        except (redis.RedisError, OperationalError, OSError) as error:
            log.warning("an answer to remote control was not sent", reason=reason(error))


class _Control(Control):
    """Celery's, with answers of our own."""

    Mailbox = _Answers


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


def _ring_task(on_ring: Callable[[], None]) -> Callable[[str], None]:
    def ring(pool: str) -> None:
        on_ring()

    return ring


def _leave_logging_alone(**_: Any) -> None:
    """Its presence keeps Celery from setting up a logging of its own."""
