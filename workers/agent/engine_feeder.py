"""Feeding the engine: claim what fits, hand it over, let others join, have the next ready when it ends.

What is more urgent than all that renders does not wait for its end where that pays: the others are parked, and
go on when it is done (`_let_pass`, which tends one batch inside the other).
"""

import math
import threading
import time
from collections.abc import Callable

import structlog

from farm.connections import Connections
from scheduler.batching.batch_curves import Shape
from workers.agent.batch_capacity import BatchCapacity
from workers.agent.batch_claims import Batch, BatchClaims
from workers.agent.batch_filling import BatchFilling, ClaimedAhead
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.leased_renders import LeasedRenders
from workers.agent.parking import Parking
from workers.agent.render_orders import Handover, Ordering
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace

log = structlog.get_logger(__name__)

_BATCHES_HELD = 3  # stepping, being stored, and one spare: storage that lags holds up the claims, not the memory
_STEP_SECONDS = 0.25  # it is tended this often when no step ends
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
        link: EngineSupervisor,
        held_renders: LeasedRenders,
        settler: Settler,
        ordering: Ordering,
        disk_space: DiskSpace,
        can_store: Callable[[], bool] = lambda: True,
    ) -> None:
        """`can_store`: whether what is rendered could be stored; as long as it cannot, nothing more is claimed."""
        self.draining = threading.Event()
        self.quarantined = False  # by the supervisor: claims nothing until it is released
        self.leaves_by = math.inf  # monotonic; what is in the engine then is saved, and goes back
        settings, entry = connections.settings, connections.catalog.pool(pool)
        lane = connections.catalog.model(entry.model).lane
        self._drain_seconds = settings.drain_seconds
        self._most_held = entry.max_batch * _BATCHES_HELD
        self._can_store = can_store
        self._disk_space = disk_space
        self._link = link
        self._held_renders = held_renders
        self._sizes = BatchCapacity(connections, lane=lane, pool=entry)
        self._claims = claims = BatchClaims(
            connections,
            pool=pool,
            lane=lane,
            worker_id=worker_id,
            sizes=self._sizes,
            held_renders=held_renders,
            link=link,
        )
        self._handover = Handover(
            ordering, link=link, held_renders=held_renders, settler=settler, disk_space=disk_space
        )
        self._ahead = ClaimedAhead(claims=claims, held_renders=held_renders, handover=self._handover)
        self._filling = BatchFilling(
            settings, claims=claims, held_renders=held_renders, claims_nothing=self._claims_nothing
        )
        self._parking = Parking(settings, claims=claims, link=link, held_renders=held_renders, sizes=self._sizes)
        self._turn = threading.Lock()

    def drain(self) -> None:
        """Claim nothing more; what is in the engine may end within `drain_seconds`, less the time to save it."""
        if not self.draining.is_set():
            seconds = self._drain_seconds
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
                batch = self._ahead.take() or self._claims.claim()
                if batch is None:
                    return taken
                taken += self._render(batch)
            return taken
        finally:
            self._ahead.give_back("It was given back before it had begun.")
            self._turn.release()

    def _may_claim(self) -> bool:
        while not self._held_renders.wait_below(self._most_held, timeout=0.5):
            if self.draining.is_set():
                return False
        return self._link.ready.is_set() and not self._claims_nothing()

    def _render(self, batch: Batch) -> int:
        """Give the batch to the engine and tend it until all of it, and all that joined, has left; how many."""
        self._held_renders.enter_engine(batch.claim.renders)
        more = self._filling.wait_for_more(batch)
        renders = self._held_renders.enter_engine([*batch.claim.renders, *more])
        log.info("batch", batch=batch.claim.batch_id, renders=len(renders), slots=batch.slots)
        rendered = self._handover.hand_over(batch.claim.batch_id, renders)
        moves = 0
        while self._is_in_engine(batch) and not self._leaves():
            rendered += self._tend(batch)
            moves = self._held_renders.wait_moved(moves, _STEP_SECONDS)
        return rendered + (self._let_pass(batch) if self._parking.is_due else 0)

    def _tend(self, batch: Batch) -> int:
        """Between two steps: let others pass or join, claim the next batch when this one ends soon; how many came."""
        if self._claims_nothing():
            self._ahead.give_back("The worker claims nothing more.")
            return 0
        self._parking.resume_overdue()
        if not self._claims.has_news(batch) and not self._parking.is_due:
            return self._fill(batch, self._parking.may_join_unseen(batch))
        return self._let_pass(batch) or self._fill(batch, self._parking.may_join(batch))

    def _let_pass(self, batch: Batch) -> int:
        """Something changed in the lane: render what is more urgent, before this goes on; how many that were.

        Only then what was claimed ahead goes back: with its charges it might be its turn again.
        """
        rendered = 0
        for urgent in self._parking.let_pass(batch, self._takes_work):
            self._ahead.give_back("Something more urgent came before it had begun.")
            rendered += self._render(urgent)
        return rendered

    def _fill(self, batch: Batch, classes: frozenset[str] | None) -> int:
        """Let others of these classes (None: of all) join, or claim the next batch when this one ends soon and nobody
        does; how many joined.
        """
        if self._ahead.is_there or self._storage_lags():
            return 0  # what joined now would keep the next batch waiting
        ends = self._ahead.is_due(batch)
        batch.more |= ends  # rather into this batch than into the next
        joined = self._handover.hand_over(batch.claim.batch_id, self._filling.join(batch, classes))
        if ends and not joined:
            self._ahead.claim(batch)
        return joined

    def _is_in_engine(self, batch: Batch) -> bool:
        """Whether there is something to tend; where another batch is claimed, or was let pass for this one, until its
        last step is done: the next one steps while pixels are made.
        """
        if batch.only is None:
            waits = self._ahead.is_there and self._parking.all_finishing()
            return bool(self._held_renders.in_engine()) and not waits
        return any(
            held.batch_id == batch.claim.batch_id and held.passes_left > 0 for held in self._held_renders.in_engine()
        )

    def _leaves(self) -> bool:
        """Whether the worker drains and nothing in the engine would end in time; what is not known yet may."""
        left = self.leaves_by - time.monotonic()
        return left < 0 or all(left < held.seconds_left < math.inf for held in self._held_renders.in_engine())

    def _takes_work(self) -> bool:
        return not self._claims_nothing() and not self._storage_lags()

    def _claims_nothing(self) -> bool:
        return self.draining.is_set() or self.quarantined or self._disk_space.is_full or not self._can_store()

    def _storage_lags(self) -> bool:
        return len(self._held_renders) - len(self._parking.parked) >= self._most_held
