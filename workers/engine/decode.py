"""Finished tracks on their way through the VAE, a few of one shape at a time.

Where the device has streams, decoding runs in a thread with a stream of its own beside the steps of others. Elsewhere
both need the same cores, and decoding takes turns with passes.
"""

import math
import time
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from functools import partial

import torch

from workers.denoising.fault_isolation import Outcome, isolate_faults
from workers.denoising.out_of_memory import is_out_of_memory
from workers.denoising.track import Pixels, Track
from workers.families.base import Family
from workers.protocol import RenderOrder
from workers.training.result import decode

#: Pixels (width x height x frames) decoded in one go, about a step's time on the hardware that fits the model; on a
#: processor, which decodes two one after the other as fast as together, two pictures of the demo's.
DECODE_PIXELS = 4 * 1024 * 1024
DECODE_PIXELS_CPU = 32 * 1024
#: What waits to be decoded lets passes of more urgent ones go before it for so long, in seconds.
GIVE_WAY_SECONDS = 10.0

Decoded = Outcome[Pixels | None]


class Decoding:
    """The queue before the VAE. One thread calls it.

    Parameters:
        beside: decode in a thread of its own; `begin` and `ended` are then used, and else `now`.
    """

    def __init__(self, family: Family, *, beside: bool) -> None:
        self.beside = beside
        self._family = family
        self._queue: deque[Track] = deque()
        self._pixels = DECODE_PIXELS_CPU if family.device.type == "cpu" else DECODE_PIXELS
        self._served = 0.0  # monotonic: when the queue began to wait, or was last served
        self._in_flight: list[Track] = []  # being decoded in the thread
        self._dropped: set[int] = set()  # of these nobody wants to hear any more; by id()
        self._future: Future[list[Decoded]] | None = None
        self._thread = ThreadPoolExecutor(1, "decoding")
        self._stream = (
            torch.cuda.Stream(family.device)  # type: ignore[no-untyped-call]
            if beside and family.device.type == "cuda"
            else None
        )

    @property
    def tracks(self) -> list[Track]:
        """All that is not through."""
        return [*(track for track in self._in_flight if id(track) not in self._dropped), *self._queue]

    @property
    def queued(self) -> bool:
        """Whether something waits for its turn."""
        return bool(self._queue)

    @property
    def in_flight(self) -> bool:
        """Whether the thread decodes, or has decoded what `ended` has not told yet."""
        return self._future is not None

    def goes_before(self, waiting: Iterable[RenderOrder]) -> bool:
        """Whether something here is more urgent than all of these, which have not begun."""
        return self._first_rank() < _first_rank(waiting)

    def gives_way_to(self, stepping: Iterable[RenderOrder]) -> bool:
        """Whether one of these is more urgent than all that waits here, and that has not waited for long."""
        return _first_rank(stepping) < self._first_rank() and time.monotonic() - self._served < GIVE_WAY_SECONDS

    def put(self, track: Track) -> None:
        if not self._queue:
            self._served = time.monotonic()
        self._queue.append(track)

    def drop(self, render_id: str) -> None:
        """Say nothing about this render. Unknown ids are ignored."""
        self._queue = deque(track for track in self._queue if track.order.render_id != render_id)
        self._dropped |= {id(track) for track in self._in_flight if track.order.render_id == render_id}

    def now(self) -> list[Decoded]:
        """Decode the next few here. Raises DeviceLost."""
        return isolate_faults(partial(decode, self._family), self._next(), self._family.device)

    def begin(self) -> None:
        """Let the thread decode the next few, if it has nothing to do and something waits."""
        if self._future is None and self._queue:
            self._in_flight = self._next()
            ready = torch.cuda.Event() if self._stream is not None else None  # type: ignore[no-untyped-call]
            if ready is not None:
                ready.record(torch.cuda.current_stream(self._family.device))
            self._future = self._thread.submit(self._decode, list(self._in_flight), ready)

    def ended(self, *, seconds: float) -> list[Decoded]:
        """What the thread has decoded since it was last asked, waiting for it that long at most. Raises DeviceLost.

        What did not fit into memory beside the steps goes back into the queue, and is decoded in turns with them.
        """
        if self._future is None or self._future not in wait([self._future], seconds).done:
            return []
        outcomes = [outcome for outcome in self._future.result() if id(outcome.track) not in self._dropped]
        self._future, self._in_flight, self._dropped = None, [], set()
        short = [found for found in outcomes if found.error is not None and is_out_of_memory(found.error)]
        if short:
            self.beside = False
            self._queue.extendleft(outcome.track for outcome in reversed(short))
        return [outcome for outcome in outcomes if outcome not in short]

    def _decode(self, tracks: Sequence[Track], ready: torch.cuda.Event | None) -> list[Decoded]:
        """In the thread, on its stream, after the steps that made the latents."""
        with torch.no_grad(), torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
            if self._stream is not None and ready is not None:
                self._stream.wait_event(ready)
            return isolate_faults(partial(decode, self._family), tracks, self._family.device)

    def _first_rank(self) -> float:
        return _first_rank(track.order for track in self._queue)

    def _next(self) -> list[Track]:
        """The oldest of the most urgent class and those of equal latents, as many as one go takes; a deterministic one
        alone.
        """
        self._served = time.monotonic()
        first = min(self._queue, key=lambda track: track.order.class_rank)
        order = first.order
        most = max(1, self._pixels // (order.width * order.height * order.frames))
        kind = _kind(first)
        alike = [track for track in self._queue if _kind(track) == kind][:most]
        chosen = {id(track) for track in alike}
        self._queue = deque(track for track in self._queue if id(track) not in chosen)
        return alike


def _first_rank(orders: Iterable[RenderOrder]) -> float:
    """The place of the most urgent class of these; endless of none."""
    return min((order.class_rank for order in orders), default=math.inf)


def _kind(track: Track) -> Hashable:
    """What tracks of one go have in common. The frames too: latents may hold more than those of the clip. The class,
    so that who is urgent does not wait for the others' pixels.
    """
    return track.latents.shape, track.order.frames, track.order.class_rank, track.isolation_key
