"""What keeps the engine full: renders that join, a moment's wait for a fuller batch, and the next batch in time."""

import time
from collections.abc import Callable

import structlog

from farm.settings import Settings
from scheduler.batching.batch_wait import BatchWait
from scheduler.claims.claim_batch import ClaimedRender
from workers.agent.batch_claims import LOOK_SECONDS, Batch, BatchClaims
from workers.agent.leased_renders import LeasedRenders
from workers.agent.render_orders import Handover

log = structlog.get_logger(__name__)

#: The next batch is claimed when the running one has so many seconds before it, or one step: early enough that the
#: engine does not wait, late enough that others are not kept from rendering it.
_AHEAD_SECONDS = 0.5


class BatchFilling:
    """Finds more for a batch. For one worker; one thread uses it."""

    def __init__(
        self,
        settings: Settings,
        *,
        claims: BatchClaims,
        held_renders: LeasedRenders,
        claims_nothing: Callable[[], bool],
    ) -> None:
        self.batch_wait = BatchWait(settings.fuller_batch_seconds)
        self._claims = claims
        self._held_renders = held_renders
        self._claims_nothing = claims_nothing

    def join(self, batch: Batch, classes: frozenset[str] | None) -> list[ClaimedRender]:
        """Lease what may join, if there is a slot: of these classes only, of all if it is None."""
        running = sum(held.seconds_left > 0 and not held.is_parked for held in self._held_renders.in_engine())
        slots = batch.slots - running
        if slots < 1 or not batch.more or not batch.may_be_joined:
            return []
        renders = self._claims.join(batch, slots=slots, running=running, only=classes)
        batch.more = len(renders) == slots
        if renders:
            log.info("joined", batch=batch.claim.batch_id, renders=len(renders), running=running)
            self.batch_wait.arrived(batch.claim.head.batch_key, time.monotonic())
        return renders

    def wait_for_more(self, batch: Batch) -> list[ClaimedRender]:
        """Wait a moment for a fuller batch, if more is likely to come; what came."""
        came: list[ClaimedRender] = []
        if not self._may_wait(batch):
            return came
        until = time.monotonic() + self.batch_wait.seconds
        while (
            time.monotonic() < until
            and not self._claims_nothing()
            and len(batch.claim.renders) + len(came) < batch.slots
        ):
            self._claims.has_news(batch)
            came += self.join(batch, batch.only)
            time.sleep(LOOK_SECONDS)
        if not came:
            self.batch_wait.cool_down(batch.claim.head.batch_key, time.monotonic())
        return came

    def _may_wait(self, batch: Batch) -> bool:
        if batch.only is not None:
            return False  # others were parked for it
        if not batch.may_be_joined or len(batch.claim.renders) >= batch.slots or self.batch_wait.seconds <= 0:
            return False
        streaming = self._claims.is_streaming(batch)
        return self.batch_wait.expects(batch.claim.head.batch_key, time.monotonic(), streaming=streaming)


class ClaimedAhead:
    """The batch that is claimed for the time after what renders now, if there is one. One thread uses it."""

    def __init__(self, *, claims: BatchClaims, held_renders: LeasedRenders, handover: Handover) -> None:
        self._claims = claims
        self._held_renders = held_renders
        self._handover = handover
        self._batch: Batch | None = None

    @property
    def is_there(self) -> bool:
        """Whether one is claimed."""
        return self._batch is not None

    def take(self) -> Batch | None:
        """It is its turn."""
        batch, self._batch = self._batch, None
        return batch

    def is_due(self, batch: Batch) -> bool:
        """Whether the time has come to claim what follows on this batch: it ends soon, and something may wait."""
        return not batch.nothing_ahead and batch.only is None and self._ends_soon()

    def claim(self, batch: Batch) -> None:
        """Claim what follows on this batch."""
        self._batch = self._claims.claim(in_engine=False)
        batch.nothing_ahead = self._batch is None

    def give_back(self, reason: str) -> None:
        """It goes back, if there is one; it was not begun, so nobody is to blame."""
        if batch := self.take():
            log.info("given back", batch=batch.claim.batch_id, renders=len(batch.claim.renders), reason=reason)
            self._handover.give_back(batch.claim.renders, reason)

    def _ends_soon(self) -> bool:
        return all(
            leased.is_before_last_step or leased.seconds_left < _AHEAD_SECONDS
            for leased in self._held_renders.in_engine()
        )
