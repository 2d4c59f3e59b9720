"""Feeding the engine: claim what fits, hand it over, let others join, have the next ready when it ends.

What is more urgent than all that renders does not wait for its end where that pays: the others are parked, and
go on when it is done (`_let_pass`, which tends one batch inside the other).
"""

import math
import threading
import time
from collections.abc import Sequence

import structlog

from farm.connections import Connections
from farm.errors import StorageDown
from farm.lifecycle import Outcome
from scheduler.batching.batch_curves import Shape
from scheduler.claims.claim import ClaimedRender
from workers.agent.batch_capacity import BatchCapacity
from workers.agent.batch_claims import Batch, BatchClaims
from workers.agent.batch_wait import BatchWait
from workers.agent.engine_link import EngineLink
from workers.agent.held_renders import HeldRenders
from workers.agent.preemption import Parking
from workers.agent.render_orders import Ordering
from workers.agent.settler import Settler
from workers.protocol import RenderBatch

log = structlog.get_logger(__name__)

_BATCHES_HELD = 3  # stepping, being stored, and one spare: storage that lags holds up the claims, not the memory
_LOOK_SECONDS = 0.02  # the lane's counter is read between two steps, but not more often than this
_STEP_SECONDS = 0.25  # and this often when no step ends
#: The next batch is claimed when the running one has so many seconds before it, or one step: early enough that the
#: engine does not wait, late enough that others are not kept from rendering it.
_AHEAD_SECONDS = 0.5
#: The end of the drain time, in which checkpoints are stored: so many seconds, and this share of it at the most.
_SAVING_SECONDS, _SAVING_SHARE = 10.0, 1 / 3


class Feeder:
    """Claims batches for one worker. A ring or the idle poll calls `work_until_empty`; one caller works at a time."""

    def __init__(
        self,
        connections: Connections,
        *,
        pool: str,
        worker_id: str,
        link: EngineLink,
        held_renders: HeldRenders,
        settler: Settler,
        ordering: Ordering,
    ) -> None:
        self.draining = threading.Event()
        self.quarantined = False  # by the supervisor: claims nothing until it is released
        self.leaves_by = math.inf  # monotonic; what is in the engine then is saved, and goes back
        self._connections = connections
        self._pool = connections.catalog.pool(pool)
        self._link = link
        self._held_renders = held_renders
        self._settler = settler
        lane = connections.catalog.model(self._pool.model).lane
        self._sizes = BatchCapacity(connections, lane=lane, pool=self._pool)
        self._claims = BatchClaims(connections, pool=pool, lane=lane, worker_id=worker_id, sizes=self._sizes)
        self._ordering = ordering
        self._parking = Parking(connections.settings, link=link, held_renders=held_renders, sizes=self._sizes)
        self._batch_wait = BatchWait(connections.settings.fuller_batch_seconds)
        self._ahead: Batch | None = None  # claimed for the time after what renders now
        self._looked = 0.0
        self._turn = threading.Lock()

    def drain(self) -> None:
        """Claim nothing more; what is in the engine may end within `drain_seconds`, less the time to save it."""
        if not self.draining.is_set():
            seconds = self._connections.settings.drain_seconds
            self.leaves_by = time.monotonic() + seconds - min(_SAVING_SECONDS, _SAVING_SHARE * seconds)
            self.draining.set()

    def memory_fits(self, shape: Shape, renders: int) -> None:
        """The engine ran out of memory with more than so many renders of a shape."""
        self._sizes.memory_fits(shape, renders)

    def engine_died(self) -> None:
        """The next one has none of the adapters that this one had loaded."""
        self._claims.adapters.forget()

    def work_until_empty(self) -> int:
        """Claim and render until a claim comes back empty; how many were taken. 0 if another thread is at it."""
        if not self._turn.acquire(blocking=False):
            return 0
        try:
            taken = 0
            while self._may_claim():
                batch = self._next()
                if batch is None:
                    return taken
                taken += self._render(batch)
            return taken
        finally:
            self._give_back("It was given back before it had begun.")
            self._turn.release()

    def _may_claim(self) -> bool:
        while not self._held_renders.wait_below(self._most_held, timeout=0.5):
            if self.draining.is_set():
                return False
        return self._link.ready.is_set() and not self._claims_nothing

    @property
    def _claims_nothing(self) -> bool:
        return self.draining.is_set() or self.quarantined

    @property
    def _most_held(self) -> int:
        return self._pool.max_batch * _BATCHES_HELD

    def _next(self) -> Batch | None:
        batch, self._ahead = self._ahead, None
        return batch or self._claim(in_engine=True)

    def _claim(self, *, in_engine: bool, only: frozenset[str] | None = None) -> Batch | None:
        self._sizes.refresh(self._link.facts.device if self._link.facts else "?")
        batch = self._claims.claim(only)
        if batch is not None:
            claim = batch.claim
            self._held_renders.take(claim.batch_id, claim.renders, in_engine=in_engine)
        return batch

    def _render(self, batch: Batch) -> int:
        """Give the batch to the engine and tend it until all of it, and all that joined, has left; how many."""
        self._held_renders.enter_engine(batch.claim.renders)
        renders = self._held_renders.enter_engine([*batch.claim.renders, *self._wait_for_more(batch)])
        log.info("batch", batch=batch.claim.batch_id, renders=len(renders), slots=batch.slots)
        rendered = self._hand_over(batch, renders)
        moves = 0
        while self._is_in_engine(batch) and not self._leaves():
            rendered += self._tend(batch)
            moves = self._held_renders.wait_moved(moves, _STEP_SECONDS)
        return rendered

    def _is_in_engine(self, batch: Batch) -> bool:
        """Whether there is something to tend; for a batch that others let pass, until its last step is done."""
        if batch.only is None:
            return bool(self._held_renders.in_engine())
        return any(
            held.batch_id == batch.claim.batch_id and held.passes_left > 0 for held in self._held_renders.in_engine()
        )

    def _leaves(self) -> bool:
        """Whether the worker drains and nothing in the engine would end in time; what is not known yet may."""
        left = self.leaves_by - time.monotonic()
        return left < 0 or all(left < held.seconds_left < math.inf for held in self._held_renders.in_engine())

    def _hand_over(self, batch: Batch, renders: Sequence[ClaimedRender]) -> int:
        """Send renders to the engine; they join what it renders at the next step. How many were sent."""
        if not renders:
            return 0
        try:
            orders = self._ordering.orders(renders)
        except StorageDown as error:
            self._return(renders, f"What it starts from could not be fetched: {error}")
            return 0
        if not self._link.send(RenderBatch(batch.claim.batch_id, orders)):
            # It died between the claim and now: nobody has begun, so nobody is to blame.
            self._return(renders, "The engine was not running.")
            return 0
        return len(renders)

    def _tend(self, batch: Batch) -> int:
        """Between two steps: let others pass or join, claim the next batch when this one ends soon; how many came."""
        if self._claims_nothing:
            self._give_back("The worker claims nothing more.")
            return 0
        self._parking.resume_overdue()
        if time.monotonic() >= self._looked + _LOOK_SECONDS:
            self._looked = time.monotonic()
            if self._work_changed(batch) and (passed := self._let_pass(batch)):
                return passed
        if self._ahead is not None or self._storage_lags:
            return 0  # what joined now would keep the next batch waiting
        ends = not batch.nothing_ahead and batch.only is None and self._ends_soon()
        batch.more |= ends  # rather into this batch than into the next
        joined = self._hand_over(batch, self._join(batch))
        if ends and not joined:
            self._ahead = self._claim(in_engine=False)
            batch.nothing_ahead = self._ahead is None
        return joined

    def _work_changed(self, batch: Batch) -> bool:
        """If something changed in the lane: what could not join may do so now, what was claimed ahead may be late."""
        if not self._claims.has_news(batch):
            return False
        batch.more, batch.nothing_ahead = True, False
        if self._ahead is not None and self._claims.before(self._ahead.claim.head.class_name):
            self._give_back("Something more urgent came before it had begun.")
        return True

    def _let_pass(self, batch: Batch) -> int:
        """Park what runs as long as something more urgent waits and that pays; how many of those were rendered."""
        rendered, parked = 0, list[str]()
        while not self._claims_nothing and not self._storage_lags and (least := self._parking.least_urgent(parked)):
            urgent = self._claims.before(least)
            if urgent is None:
                break
            to_park = self._parking.whom(batch, urgent)
            if not to_park and not any(held.render.id in parked for held in self._parking.parked):
                break
            first = self._claim(in_engine=True, only=self._parking.no_lower_than(urgent.class_name))
            if first is None:
                break
            self._parking.park(to_park)
            parked += to_park
            rendered += self._render(first)
        self._parking.resume(parked)
        return rendered

    @property
    def _storage_lags(self) -> bool:
        return len(self._held_renders) - len(self._parking.parked) >= self._most_held

    def _join(self, batch: Batch) -> list[ClaimedRender]:
        """Lease what may join, if there is a slot."""
        running = sum(held.seconds_left > 0 and not held.is_parked for held in self._held_renders.in_engine())
        slots = batch.slots - running
        if slots < 1 or not batch.more or not batch.may_be_joined:
            return []
        renders = self._claims.join(batch, slots=slots, running=running) or []
        batch.more = len(renders) == slots
        if renders:
            log.info("joined", batch=batch.claim.batch_id, renders=len(renders), running=running)
            self._batch_wait.arrived(batch.claim.head.batch_key, time.monotonic())
            self._held_renders.take(batch.claim.batch_id, renders)
        return renders

    def _wait_for_more(self, batch: Batch) -> list[ClaimedRender]:
        """Wait a moment for a fuller batch, if more is likely to come; what came."""
        came: list[ClaimedRender] = []
        key = batch.claim.head.batch_key
        if batch.only is not None:
            return came  # others were parked for it
        if not batch.may_be_joined or len(batch.claim.renders) >= batch.slots or self._batch_wait.seconds <= 0:
            return came
        streaming = self._claims.is_streaming(batch)
        if not self._batch_wait.expects(key, time.monotonic(), streaming=streaming):
            return came
        until = time.monotonic() + self._batch_wait.seconds
        while (
            time.monotonic() < until and not self._claims_nothing and len(batch.claim.renders) + len(came) < batch.slots
        ):
            batch.more |= self._claims.has_news(batch)
            came += self._join(batch)
            self.draining.wait(_LOOK_SECONDS)
        if not came:
            self._batch_wait.cool_down(key, time.monotonic())
        return came

    def _ends_soon(self) -> bool:
        held_renders = self._held_renders.in_engine()
        return all(leased.is_before_last_step or leased.seconds_left < _AHEAD_SECONDS for leased in held_renders)

    def _give_back(self, reason: str) -> None:
        """The batch that was claimed ahead goes back; it was not begun, so nobody is to blame."""
        batch, self._ahead = self._ahead, None
        if batch is not None:
            log.info("given back", batch=batch.claim.batch_id, renders=len(batch.claim.renders), reason=reason)
            self._return(batch.claim.renders, reason)

    def _return(self, renders: Sequence[ClaimedRender], reason: str) -> None:
        held = [leased for render in renders if (leased := self._held_renders.get(render.id, render.attempt))]
        self._settler.end(held, Outcome.RETURNED, reason)
