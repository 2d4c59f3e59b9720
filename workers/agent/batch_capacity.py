"""How many renders of a shape this worker takes at once: by its batch curves, and by the memory that it has."""

import hashlib
import json
import time
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from farm.catalog.pool import PoolEntry
from farm.connections import Connections
from farm.database import read, write
from scheduler.batching.batch_curves import Shape, read_all
from scheduler.batching.batch_size_per_pass import CurvePoint, batch_size, pass_seconds
from scheduler.batching.memory_limits import read_limits, write_limits
from scheduler.batching.preemption_policy import SLOW
from scheduler.claims.claim_transaction import Head

log = structlog.get_logger(__name__)

#: Curves are read again when they are older than this, in seconds: they move slowly.
_FRESH_SECONDS = 5.0


class BatchCapacity:
    """The capacity of one worker of a pool, to be given to a claim."""

    def __init__(self, connections: Connections, *, lane: str, pool: PoolEntry) -> None:
        self._connections = connections
        self._lane = lane
        self._pool = pool.name
        self._most = pool.max_batch
        self._held = _held(pool)
        self._curves: dict[Shape, list[CurvePoint]] = {}
        self._fits: dict[Shape, int] = {}  # what memory allowed: found here, or by others of the pool before
        self._found: dict[Shape, int] = {}  # here, and not written yet
        self._read_at = float("-inf")

    def refresh(self, device: str) -> None:
        """Read what is known of this device if it was read long ago, write what is new. Not inside a transaction."""
        now = time.monotonic()
        if now - self._read_at < _FRESH_SECONDS:
            return
        self._read_at = now
        try:
            with read(self._connections.engine) as connection:
                self._curves = {curve.shape: curve.points for curve in read_all(connection, self._lane, device=device)}
            self._share_limits(device)
        except DBAPIError as error:
            log.warning("batch curves not read", error=str(error.orig))

    def _share_limits(self, device: str) -> None:
        """Write what memory allowed here, read what it allowed this pool's workers on such a device."""
        place: dict[str, Any] = {
            "pool": self._pool,
            "device": device,
            "held": self._held,
            "now": self._connections.clock(),
        }
        found = {shape: self._found.pop(shape) for shape in list(self._found)}
        if found:
            try:
                with write(self._connections.engine) as connection:
                    write_limits(connection, found, **place)
            except DBAPIError:
                self._found = found | self._found  # the next time
                raise
        with read(self._connections.engine) as connection:
            self._fits = read_limits(connection, **place) | self._found

    def memory_fits(self, shape: Shape, renders: int) -> None:
        """The engine ran out of memory with more than so many renders of a shape."""
        log.warning("memory limits the batch", width=shape.width, height=shape.height, renders=renders)
        self._fits[shape] = self._found[shape] = max(1, min(renders, self._fits.get(shape, renders)))

    def pass_seconds(self, shape: Shape, renders: int) -> float | None:
        """Seconds of one pass with so many renders of a shape; None while nobody has measured it."""
        return pass_seconds(self._curves.get(shape, ()), renders)

    def slowed(self, head: Head) -> bool:
        """Whether this head's passes would take much longer with others in them, by what was measured."""
        shape = Shape(head.width, head.height, head.frames)
        own, shared = self.pass_seconds(shape, 1), self.pass_seconds(shape, self(head))
        return own is not None and shared is not None and shared > SLOW * own

    def __call__(self, head: Head) -> int:
        """How many renders share a batch with this head."""
        shape = Shape(head.width, head.height, head.frames)
        most = min(self._most, self._fits.get(shape, self._most))
        return batch_size(self._curves.get(shape, ()), most=most, waiting=head.waiting)


def _held(pool: PoolEntry) -> str:
    """A hash of the settings that say where weights lie and how: others leave other room for renders."""
    settings = pool.model_dump(include={"sharding", "quantization", "text_encoder", "offload", "compile", "attention"})
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
