"""What a worker asks of SQL to keep its engine fed: a batch, what may join it, whether something is more urgent."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from farm.connections import Connections
from farm.database import read
from farm.lifecycle import JobStatus
from farm.metrics.process_metrics import BATCH_FILL, JOINED, WAIT_SECONDS
from farm.tables import Job
from scheduler.batching.preemption_policy import is_lower, no_lower_than
from scheduler.claims import claim_batch as claims
from scheduler.claims.adapter_affinity import LoadedAdapters
from scheduler.claims.claim_batch import Claim, ClaimedRender, Claimer, Waiting
from workers.agent.batch_capacity import BatchCapacity
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.leased_renders import LeasedRenders

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.02  # the lane's counter is read between two steps, but not more often than this


@dataclass
class Batch:
    """A claimed batch, and what was heard of its lane since."""

    claim: Claim
    began: float  # when it was claimed, seconds since 1970
    slots: int  # how many renders of its shape share a batch, these included
    counter: int | None  # the lane's, before it was claimed
    ask_at: float  # monotonic: SQL is asked then though the counter stands still
    more: bool  # something may wait that could join
    only: frozenset[str] | None = None  # others were parked or left for it: nothing but these classes may join
    nothing_ahead: bool = False  # a claim for the time after it came back empty

    @property
    def may_be_joined(self) -> bool:
        """Renders with a batch limit keep to those that were claimed with them."""
        return self.claim.head.batch_limit is None


class BatchClaims:
    """Asks for one worker, and is asked by one thread. While the database is away it finds nothing.

    What is claimed is held from then on (`LeasedRenders`): its lease is kept.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        pool: str,
        lane: str,
        worker_id: str,
        sizes: BatchCapacity,
        held_renders: LeasedRenders,
        link: EngineSupervisor,
    ) -> None:
        settings = connections.settings
        self._connections = connections
        self._lane = lane
        self._sizes = sizes
        self._held_renders = held_renders
        self._link = link
        self._looked = 0.0  # monotonic
        self._claimer = Claimer(pool, worker_id, settings.lease_seconds, settings.class_shares)
        self.adapters = LoadedAdapters(connections.catalog.pool(pool).loaded_adapters)

    def claim(self, only: frozenset[str] | None = None, *, in_engine: bool = True) -> Batch | None:
        """The next batch in turn, or the next of these classes; None if there is none.

        Not `in_engine`: for the time after what the engine renders now.
        """
        connections = self._connections
        self._sizes.refresh(self._link.facts.device if self._link.facts else "?")
        counter, now = connections.progress.lane_counter(self._lane), connections.clock()
        try:
            claim = claims.claim(
                connections.engine,
                self._claimer,
                capacity=self._sizes,
                now=now,
                only=only,
                loaded=self.adapters.at_hand(connections.steady()),
                slowed=self._sizes.slowed,
            )
        except DBAPIError as error:
            # The database is away or busy: what is pending stays pending, and the idle poll asks again.
            log.warning("claim failed", error=str(error.orig))
            return None
        if claim is None:
            return None
        self.adapters.claimed(claim, connections.steady())
        self._held_renders.take(claim.batch_id, claim.renders, in_engine=in_engine)
        slots = max(len(claim.renders), self._sizes(claim.head))
        self._connections.metrics.observe(BATCH_FILL, len(claim.renders) / slots)
        self._count_waits(claim.renders)
        ask_at = time.monotonic() + connections.settings.idle_poll_seconds
        if only is None and claim.apart:
            only = no_lower_than(claim.head.class_name, connections.settings.class_shares)
        return Batch(claim, now, slots, counter, ask_at, more=len(claim.renders) >= slots, only=only)

    def has_news(self, batch: Batch) -> bool:
        """Whether its lane's counter was raised, or nobody has looked for a while; then all that may wait is asked for.

        Looks not more often than every LOOK_SECONDS: it is called between two steps.
        """
        if time.monotonic() < self._looked + LOOK_SECONDS:
            return False
        self._looked = time.monotonic()
        counter = self._connections.progress.lane_counter(self._lane)
        if counter == batch.counter and time.monotonic() < batch.ask_at:
            return False
        batch.counter = counter
        batch.ask_at = time.monotonic() + self._connections.settings.idle_poll_seconds
        batch.more, batch.nothing_ahead = True, False
        self._claimer.scan_cursor.forget()  # what came may lie before what was seen
        return True

    def join(self, batch: Batch, *, slots: int, running: int, only: frozenset[str] | None) -> list[ClaimedRender]:
        """Renders that may join the batch now, leased under its id: of the classes `only`, of all if it is None.

        Where sharing is slow, nothing less urgent joins after them.
        """
        slowed = self._sizes.slowed(batch.claim.head)
        try:
            joined = claims.join(
                self._connections.engine,
                self._claimer,
                batch_id=batch.claim.batch_id,
                batch_key=batch.claim.head.batch_key,
                slots=slots,
                running=running,
                began=batch.began,
                now=self._connections.clock(),
                only=only,
                slowed=slowed,
            )
        except DBAPIError as error:
            log.warning("join failed", error=str(error.orig))
            return []
        if joined is None:
            return []
        shares = self._connections.settings.class_shares
        if slowed and is_lower(batch.claim.head.class_name, joined.head.class_name, shares):
            batch.only = no_lower_than(joined.head.class_name, shares)
        self._held_renders.take(batch.claim.batch_id, joined.renders)
        self._connections.metrics.count(JOINED, len(joined.renders))
        self._count_waits(joined.renders)
        return joined.renders

    def before(self, class_name: str) -> Waiting | None:
        """What waits if it is the turn of a class that is more urgent than this one."""
        connections = self._connections
        try:
            return claims.waiting(connections.engine, self._claimer, class_name=class_name, now=connections.clock())
        except DBAPIError as error:
            log.warning("waiting work not seen", error=str(error.orig))
            return None

    def is_streaming(self, batch: Batch) -> bool:
        """Whether a job of this batch is still being taken in: more of it is on its way."""
        jobs = {render.job_id for render in batch.claim.renders}
        statement = select(Job.id).where(Job.id.in_(jobs), Job.status == JobStatus.ADMITTING.value).limit(1)
        try:
            with read(self._connections.engine) as connection:
                return connection.execute(statement).first() is not None
        except DBAPIError as error:
            log.warning("job not read", error=str(error.orig))
            return False

    def _count_waits(self, renders: Sequence[ClaimedRender]) -> None:
        for render in renders:
            self._connections.metrics.observe(WAIT_SECONDS, render.waited, **{"class": render.class_name})
