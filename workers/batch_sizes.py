"""How many renders of a shape this worker takes at once: by its batch curves, and by the memory that it has."""

import time

import structlog
from sqlalchemy.exc import DBAPIError

from farm.connections import Connections
from farm.database import read
from scheduler.capacity import CurvePoint, batch_size, pass_seconds
from scheduler.curves import Shape, read_all
from scheduler.taking import Head

log = structlog.get_logger(__name__)

#: Curves are read again when they are older than this, in seconds: they move slowly.
_FRESH_SECONDS = 5.0


class BatchSizes:
    """The capacity of one worker, to be given to a claim. `most`: the pool's limit."""

    def __init__(self, connections: Connections, *, lane: str, most: int) -> None:
        self._connections = connections
        self._lane = lane
        self._most = most
        self._curves: dict[Shape, list[CurvePoint]] = {}
        self._fits: dict[Shape, int] = {}
        self._read_at = float("-inf")

    def refresh(self, device: str) -> None:
        """Read the curves of this device, if those that are known are old. Not inside a transaction."""
        now = time.monotonic()
        if now - self._read_at < _FRESH_SECONDS:
            return
        self._read_at = now
        try:
            with read(self._connections.engine) as connection:
                self._curves = {curve.shape: curve.points for curve in read_all(connection, self._lane, device)}
        except DBAPIError as error:
            log.warning("batch curves not read", error=str(error.orig))

    def memory_fits(self, shape: Shape, renders: int) -> None:
        """The engine ran out of memory with more than so many renders of a shape."""
        log.warning("memory limits the batch", width=shape.width, height=shape.height, renders=renders)
        self._fits[shape] = max(1, min(renders, self._fits.get(shape, renders)))

    def pass_seconds(self, shape: Shape, renders: int) -> float | None:
        """Seconds of one pass with so many renders of a shape; None while nobody has measured it."""
        return pass_seconds(self._curves.get(shape, ()), renders)

    def __call__(self, head: Head) -> int:
        """How many renders share a batch with this head."""
        shape = Shape(head.width, head.height, head.frames)
        most = min(self._most, self._fits.get(shape, self._most))
        return batch_size(self._curves.get(shape, ()), most=most, waiting=head.waiting)
