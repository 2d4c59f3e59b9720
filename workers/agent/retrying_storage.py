"""Whether this worker can store what it has rendered: tries until the storage answers, and knows since when not."""

import math
import threading
from dataclasses import dataclass
from pathlib import Path

import stamina
import structlog

from farm.connections import Connections
from farm.errors import StorageDown
from farm.storage import StoredFile

log = structlog.get_logger(__name__)

_PAUSE = 10.0  # the longest between two tries, in seconds
_SILENT = 30.0  # a storage that has not answered for so many seconds is told of, though it may yet
#: What is written to see whether the storage is back: it takes the same right as an output. No bytes.
PROBE = "farm/probe"


@dataclass(frozen=True)
class Trouble:
    """Nothing could be stored since then (seconds since 1970, by the farm's clock). `reason` names nobody's file."""

    since: float
    reason: str


class RetryingStorage:
    """Stores files, several side by side; every thread may ask whether the last one could be stored."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._trouble: Trouble | None = None
        self._lock = threading.Lock()
        self._asked: dict[int, tuple[float, float]] = {}  # by thread: since when, by the steady clock and the farm's
        self._wait_seconds = connections.settings.store_wait_seconds
        self._until = math.inf  # by the steady clock: nobody waits longer, whatever the settings allow
        self._away_since: float | None = None  # by the steady clock

    @property
    def trouble(self) -> Trouble | None:
        """Since when nothing can be stored, and why; None while all is well, as far as anybody has tried."""
        with self._lock:
            trouble, asked = self._trouble, min(self._asked.values(), default=None)
        if trouble is None and asked is not None and self._connections.steady() - asked[0] > _SILENT:
            return Trouble(asked[1], "does not answer")
        return trouble

    def put(self, key: str, data: bytes | Path, content_type: str) -> StoredFile:
        """Store a file; while the storage is away or refuses, try until that has lasted for `store_wait_seconds`.

        Files that wait behind one another wait for the same storage, so their waits do not add up.
        Raises StorageDown after that.
        """
        for attempt in stamina.retry_context(on=self._waits, timeout=None, attempts=None, wait_max=_PAUSE):
            with attempt:
                stored = self._put(key, data, content_type)
        return stored

    def wait_no_longer_than(self, until: float) -> None:
        """The worker ends: what cannot be stored by then (steady clock) goes back."""
        self._until = until

    def _waits(self, error: Exception) -> bool:
        """Whether it is worth while to try again after this error."""
        now = self._connections.steady()
        since = self._away_since
        away = 0.0 if since is None else now - since
        return isinstance(error, StorageDown) and away < self._wait_seconds and now < self._until

    def look(self) -> None:
        """If nothing could be stored, see whether that is over: for moments in which there is nothing to store."""
        if self._trouble is None:
            return
        try:
            self._put(PROBE, b"", "text/plain")
        except StorageDown:
            return  # it is noted

    def _put(self, key: str, data: bytes | Path, content_type: str) -> StoredFile:
        connections = self._connections
        thread = threading.get_ident()
        with self._lock:
            self._asked[thread] = (connections.steady(), connections.clock())
        try:
            stored = connections.storage.put(key, data, content_type)
        except StorageDown as error:
            self._note(_reason(error))
            raise
        finally:
            with self._lock:
                del self._asked[thread]
        self._note(None)
        return stored

    def _note(self, reason: str | None) -> None:
        with self._lock:
            before = self._trouble
            if reason is None:
                self._trouble = self._away_since = None
            else:
                self._away_since = self._connections.steady() if before is None else self._away_since
                self._trouble = Trouble(before.since if before else self._connections.clock(), reason)
        if before is None and reason is not None:
            log.warning("nothing can be stored; trying again", reason=reason)
        elif before is not None and reason is None:
            log.info("the storage takes files again")


def _reason(error: StorageDown) -> str:
    """What the storage does, to follow its name: nothing of whose file it was."""
    cause = error.__cause__
    # A connection that was reset has a response, too, and it is None.
    code = (getattr(cause, "response", None) or {}).get("Error", {}).get("Code")
    if code:
        return f"refuses to store files: {code}"
    return f"cannot be reached: {type(cause).__name__}" if cause else "cannot be reached"
