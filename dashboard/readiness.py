"""Whether the servers behind this process answer, asked without waiting for one that does not.

Each server is asked by at most one question at a time, in a thread (a greenlet in the web server): one that hangs
costs that thread for a few seconds, however many ask here meanwhile.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from farm.connections import Connections
from farm.database import make_engine, read, trouble
from farm.errors import FarmError
from farm.redis_connection import connect
from farm.redis_errors import reason

log = structlog.get_logger(__name__)

READINESS = "latent_farm_readiness"
#: A server that takes longer does not answer.
ANSWER_SECONDS = 1.0
#: For how long an answer is good: many may ask, and the servers have other work.
FRESH_SECONDS = 1.0
#: How long a new connection to PostgreSQL may take; no less than this is heeded.
CONNECT_SECONDS = 2


class State(StrEnum):
    """How a server is."""

    OK = "ok"
    FAILED = "failed"  # cannot be reached, or refuses
    SILENT = "no answer"  # in time
    UNSET = "not set"  # the settings name none, and the farm does without


@dataclass(frozen=True)
class Part:
    """A server as it was just now; `seconds` is how long it took to say so."""

    state: State
    seconds: float | None = None

    @property
    def ready(self) -> bool:
        return self.state in (State.OK, State.UNSET)


class Readiness:
    """The database, Redis and the object storage. Threads may share it; nothing is contacted before the first look."""

    def __init__(self, connections: Connections) -> None:
        self._questions = {
            "database": _Question("database", _database(connections)),
            "redis": _Question("redis", _redis(connections)),
            "storage": _Question("storage", lambda: connections.storage.ping(ANSWER_SECONDS)),
        }

    @property
    def parts(self) -> Collection[str]:
        """The names of all parts."""
        return self._questions.keys()

    def look(self, parts: Collection[str]) -> dict[str, Part]:
        """How these parts are, asked side by side: known within ANSWER_SECONDS."""
        until = time.monotonic() + ANSWER_SECONDS
        asked = {name: self._questions[name] for name in parts}
        for question in asked.values():
            question.begin()
        return {name: question.answer(max(0.0, until - time.monotonic())) for name, question in asked.items()}


class _Question:
    """One server: the question, whether it is being asked, and the last answer."""

    def __init__(self, name: str, ask: Callable[[], None] | None) -> None:
        """`ask` raises anything when the server is not well; None: there is none."""
        self._name = name
        self._ask = ask
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._done.set()
        self._answer = Part(State.UNSET)
        self._answered_at = float("-inf")
        self._reported = True

    def begin(self) -> None:
        """Ask, unless somebody does already or did a moment ago."""
        with self._lock:
            fresh = time.monotonic() - self._answered_at < FRESH_SECONDS
            if self._ask is None or fresh or not self._done.is_set():
                return
            self._done.clear()
        threading.Thread(target=self._run, name=f"ready-{self._name}", daemon=True).start()

    def answer(self, seconds: float) -> Part:
        """What it says within `seconds`."""
        answer = self._answer if self._done.wait(seconds) else Part(State.SILENT)
        if answer.ready is not self._reported:
            self._reported = answer.ready
            if answer.ready:
                log.info("ready again", part=self._name)
            elif answer.state is State.SILENT:  # what failed was told with its reason
                log.warning("not ready", part=self._name, reason=f"no answer within {ANSWER_SECONDS:g} s")
        return answer

    def _run(self) -> None:
        assert self._ask is not None
        began = time.monotonic()
        state = State.OK
        try:
            self._ask()
        except Exception as error:  # whatever it is, the server is not well
            state = State.FAILED
            if self._reported:
                log.warning("not ready", part=self._name, reason=_reason(error))
        now = time.monotonic()
        self._answer, self._answered_at = Part(state, round(now - began, 4)), now
        self._done.set()


def _reason(error: Exception) -> str:
    """Why a server is not well, without secrets."""
    if isinstance(error, SQLAlchemyError):
        return trouble(error)
    return error.detail if isinstance(error, FarmError) else reason(error)


def _database(connections: Connections) -> Callable[[], None]:
    # A connection of its own each time: those of the pool may all be waiting, or lead to where nobody is any more.
    # Not on SQLite, whose engine knows how to leave the event loop free.
    shared = connections.engine.dialect.name == "sqlite"
    engine = connections.engine if shared else make_engine(connections.settings, connect_seconds=CONNECT_SECONDS)

    def ask() -> None:
        try:
            with read(engine) as connection:
                connection.execute(select(1))
        finally:
            if not shared:
                engine.dispose()

    return ask


def _redis(connections: Connections) -> Callable[[], None] | None:
    url, authority = connections.settings.redis_url, connections.settings.redis_ca_file
    if url is None:
        return None
    address = url.get_secret_value()

    def ask() -> None:
        with connect(address, str(authority) if authority else None, ANSWER_SECONDS) as client:
            client.ping()

    return ask
