"""The worker's heartbeat: extend the leases, hear what was revoked, say how it is."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

import psutil
import structlog
from sqlalchemy.exc import DBAPIError

from farm.connections import Connections
from farm.lifecycle import Outcome, WorkerStatus
from farm.metrics.process_metrics import HELD, REVOKED
from scheduler.fleet.worker_registry import Health, Orders, WorkerReport, beat
from scheduler.leases import extend
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.leased_renders import LeasedRenders
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DISK_FULL, DiskSpace
from workers.protocol import DropRender

log = structlog.get_logger(__name__)

_LISTEN_SECONDS = 0.5  # how often the lane's counter is read: what is revoked stops within a step or two of that
_IDLE_LISTEN_SECONDS = 2.0  # and while nothing is held that could be revoked: who is told to drain hears it by that


class Heartbeat:
    """Beats every `heartbeat_seconds`, at once when the lane's counter says that something was revoked, and soon when
    asked to.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        lane: str,
        worker_id: str,
        link: EngineSupervisor,
        held_renders: LeasedRenders,
        settler: Settler,
        storing: RetryingStorage,
        disk_space: DiskSpace,
        on_orders: Callable[[Orders], None],
    ) -> None:
        """`on_orders` is called in the heartbeat's thread with the answer to every beat."""
        self.draining = False
        self.last_error: str | None = None
        self.device_memory_bytes: int | None = None  # as the engine said it last; it does where metrics are read
        self._done = 0
        self._connections = connections
        self._lane = lane
        self._worker_id = worker_id
        self._link = link
        self._held_renders = held_renders
        self._settler = settler
        self._storing = storing
        self._disk_space = disk_space
        self._on_orders = on_orders
        self._stopping = threading.Event()
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._work, name="heartbeat", daemon=True)

    def count_done(self, renders: int) -> None:
        """Add to the renders that the next beat reports as done."""
        self._done += renders

    def start(self) -> None:
        self._thread.start()

    def beat_soon(self) -> None:
        """Say now how the worker is, and not with the next beat: nobody counts on it, or can see it, before that."""
        self._asked.set()

    def stop(self) -> None:
        self._stopping.set()
        self._asked.set()
        self._thread.join()

    def _work(self) -> None:
        counter, due = self._connections.progress.lane_counter(self._lane), 0.0
        listened = time.monotonic()
        while True:
            if asked := self._asked.wait(_LISTEN_SECONDS):
                self._asked.clear()
                due = 0.0
            if self._stopping.is_set():
                return
            rests = not asked and not len(self._held_renders)
            if rests and time.monotonic() < min(due, listened + _IDLE_LISTEN_SECONDS):
                continue
            heard, listened = self._connections.progress.lane_counter(self._lane), time.monotonic()
            if heard == counter and time.monotonic() < due:
                continue
            counter, due = heard, time.monotonic() + self._connections.settings.heartbeat_seconds
            try:
                self._beat()
            except DBAPIError as error:
                log.warning("heartbeat failed", error=str(error.orig))

    def _beat(self) -> None:
        connections = self._connections
        # By the database's clock as it is now: this machine may have slept, and its own clock may be anything.
        now = connections.measured_time()
        leases = self._held_renders.leases()
        not_ours = extend.extend(
            connections.engine,
            worker_id=self._worker_id,
            held=leases,
            now=now,
            lease_seconds=connections.settings.lease_seconds,
        )
        # What was settled or given back meanwhile was not revoked, and may be held again, for another attempt.
        revoked = self._held_renders.let_go_of_attempts([held for held in leases if held.render_id in not_ours])
        for lost in revoked:
            log.info("revoked", render=lost.render_id, attempt=lost.attempt)
            self._link.send(DropRender(lost.render_id, lost.attempt))
        connections.metrics.count(REVOKED, len(revoked))
        connections.metrics.put(HELD, len(self._held_renders))
        for phase, held in self._held_renders.moved_since_last_asked().items():
            extend.set_phase(connections.engine, held, phase)
        done, self._done = self._done, 0
        try:
            orders = beat(connections.engine, self._report(now), renders_done=done, now=now)
        except DBAPIError:
            self._done += done
            raise
        self._on_orders(orders)

    def _report(self, now: float) -> WorkerReport:
        facts = self._link.facts
        leased, seconds = self._held_renders.ahead()
        trouble = self._storing.trouble
        return WorkerReport(
            worker_id=self._worker_id,
            status=self._status(),
            device=facts.device if facts else "?",
            engine_restarts=self._link.restarts,
            last_error=DISK_FULL if self._disk_space.is_full else self.last_error,
            details={"health": asdict(self._health()), "memory_bytes": self._memory_bytes()}
            | ({"device_memory_bytes": self.device_memory_bytes} if self.device_memory_bytes else {})
            | ({"versions": facts.versions, "torch_threads": facts.torch_threads} if facts else {}),
            leased=leased,
            busy_until=now + seconds if leased else None,
            clock_skew=self._connections.clock_skew,
            storage_away_since=trouble.since if trouble else None,
            storage_trouble=trouble.reason if trouble else None,
        )

    def _memory_bytes(self) -> int:
        """What this process and its engine hold in the host's memory."""
        total = 0
        for pid in {os.getpid(), self._link.pid or os.getpid()}:
            with suppress(psutil.Error):
                total += psutil.Process(pid).memory_info().rss
        return total

    def _health(self) -> Health:
        """What the supervisor judges it by."""
        return Health(
            failed_starts=self._link.failed_starts,
            recent_done=self._settler.recent(Outcome.DONE),
            recent_failed=self._settler.recent(Outcome.FAILED),
        )

    def _status(self) -> WorkerStatus:
        if self.draining:
            return WorkerStatus.DRAINING
        if not self._link.ready.is_set():
            return WorkerStatus.STARTING
        return WorkerStatus.RENDERING if len(self._held_renders) else WorkerStatus.IDLE
