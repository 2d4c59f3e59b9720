"""Feeding the engine: claim what fits, hand it over, come back for more until nothing is pending."""

import math
import threading
import time

import structlog
from sqlalchemy.exc import DBAPIError

from farm.connections import Connections
from farm.lifecycle import Outcome
from scheduler import claims
from scheduler.watermark import Watermark
from workers.engine_link import EngineLink
from workers.holdings import Holdings
from workers.protocol import RenderBatch, RenderOrder
from workers.settler import Settler

log = structlog.get_logger(__name__)

_BATCHES_HELD = 3  # stepping, being stored, and one spare: storage that lags holds up the claims, not the memory


class Feeder:
    """Claims batches for one worker. A ring or the idle poll calls `work_until_empty`; one caller works at a time."""

    def __init__(
        self,
        connections: Connections,
        *,
        pool: str,
        worker_id: str,
        link: EngineLink,
        holdings: Holdings,
        settler: Settler,
    ) -> None:
        self.draining = threading.Event()
        self.quarantined = False  # by the supervisor: claims nothing until it is released
        self._drained_by = math.inf  # monotonic; what is in the engine then goes back
        self._watermark = Watermark()
        self._connections = connections
        self._pool = connections.catalog.pool(pool)
        self._worker_id = worker_id
        self._link = link
        self._holdings = holdings
        self._settler = settler
        self._turn = threading.Lock()

    def drain(self) -> None:
        """Claim nothing more; the batch in the engine has `drain_seconds` to end."""
        if not self.draining.is_set():
            self._drained_by = time.monotonic() + self._connections.settings.drain_seconds
            self.draining.set()

    def work_until_empty(self) -> int:
        """Claim and render until a claim comes back empty; how many were taken. 0 if another thread is at it."""
        if not self._turn.acquire(blocking=False):
            return 0
        try:
            taken = 0
            while self._may_claim():
                try:
                    claim = self._claim()
                except DBAPIError as error:
                    # The database is away or busy: what is pending stays pending, and the idle poll asks again.
                    log.warning("claim failed", error=str(error.orig))
                    return taken
                if claim is None:
                    return taken
                taken += len(claim.renders)
                self._hand_over(claim)
            return taken
        finally:
            self._turn.release()

    def _may_claim(self) -> bool:
        while not self._holdings.wait_below(self._pool.max_batch * _BATCHES_HELD, timeout=0.5):
            if self.draining.is_set():
                return False
        return self._link.ready.is_set() and not self.draining.is_set() and not self.quarantined

    def _claim(self) -> claims.Claim | None:
        connections = self._connections
        return claims.claim(
            connections.engine,
            pool=self._pool.name,
            worker_id=self._worker_id,
            capacity=self._pool.max_batch,
            now=connections.clock(),
            lease_seconds=connections.settings.lease_seconds,
            watermark=self._watermark,
        )

    def _hand_over(self, claim: claims.Claim) -> None:
        """Give the batch to the engine and wait until it has left it (rendered, failed, revoked, or engine dead)."""
        log.info("batch", batch=claim.batch_id, renders=len(claim.renders))
        self._holdings.take(claim.batch_id, claim.renders)
        orders = [
            RenderOrder(
                render_id=render.id,
                attempt=render.attempt,
                job_id=render.job_id,
                parameters=render.parameters,
                width=render.width,
                height=render.height,
                frames=render.frames,
            )
            for render in claim.renders
        ]
        if not self._link.send(RenderBatch(claim.batch_id, orders)):
            self._link_lost(claim)
            return
        while not self._holdings.wait_engine_below(1, timeout=0.5):
            if time.monotonic() > self._drained_by:
                return

    def _link_lost(self, claim: claims.Claim) -> None:
        """The engine died between the claim and the hand-over: nobody has begun, so nobody is to blame."""
        held = [holding for render in claim.renders if (holding := self._holdings.get(render.id, render.attempt))]
        self._settler.end(held, Outcome.RETURNED, "The engine was not running.")
