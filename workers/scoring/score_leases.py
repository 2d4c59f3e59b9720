"""The leases of the scores that a process has claimed, extended by a thread while it gets on with them."""

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from farm.connections import Connections
from farm.database import trouble
from scheduler.gallery.scores import ClaimedScore, extend_leases

log = structlog.get_logger(__name__)

#: So long one output may take: to read, to load weights for it, to score it. Who takes longer does not come back.
OUTPUT_SECONDS = 900.0


def no_end() -> None:
    """Of a process that goes on."""


class ScoreLeases:
    """Extends leases every `heartbeat_seconds` between `__enter__` and `__exit__`.

    It stops to, and calls `on_stuck`, when `got_on` was not called for `OUTPUT_SECONDS`: another process may then claim
    what is left.
    """

    def __init__(self, connections: Connections, claimed: Sequence[ClaimedScore], on_stuck: Callable[[], None]) -> None:
        self._connections = connections
        self._claimed = claimed
        self._on_stuck = on_stuck
        self._ended = threading.Event()
        self._got_on = connections.steady()
        self._thread = threading.Thread(target=self._work, name="score-leases", daemon=True)

    def __enter__(self) -> Self:
        if self._claimed:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        if self._claimed:
            self._thread.join()

    def got_on(self) -> None:
        """One output more is scored."""
        self._got_on = self._connections.steady()

    def _work(self) -> None:
        connections = self._connections
        while not self._ended.wait(connections.settings.heartbeat_seconds):
            if connections.steady() - self._got_on > OUTPUT_SECONDS:
                log.error("an output is not scored to its end", seconds=OUTPUT_SECONDS)
                self._on_stuck()
                return
            try:
                # By the database's clock as it is now: this machine may have slept.
                now = connections.measured_time()
                extend_leases(connections.engine, self._claimed, now, connections.settings.lease_seconds)
            except SQLAlchemyError as error:
                log.warning("leases of scores could not be extended", reason=trouble(error))
