"""One worker: a parent that claims, reports and stores, and an engine process that renders.

The parent never touches torch, so it always answers: rings, remote control, signals and heartbeats go on while the
engine renders, and an engine that hangs or dies is seen and started again.
"""

import os
import signal
import socket
import threading
import time
from typing import Any

import structlog

from farm.connections import Connections
from farm.ids import new_id
from farm.lifecycle import Outcome, Phase
from farm.logs import also_tell, identify
from farm.metrics.process_metrics import ENGINE_DEATHS
from farm.redaction import Redaction, known_secrets
from farm.ring_consumer import serve_rings
from scheduler.fleet import worker_registry
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.fleet.worker_registry import Orders
from workers.agent.artifact_uploader import ArtifactUploader
from workers.agent.checkpoint_uploader import Checkpointing
from workers.agent.engine_feeder import Feeder
from workers.agent.engine_messages import EngineMessages
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.heartbeat import Heartbeat
from workers.agent.leased_renders import LeasedRenders
from workers.agent.render_orders import Ordering
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace, SpoolFolder
from workers.agent.telemetry.log_tail import LogTail
from workers.agent.telemetry.recent_log import RecentLog
from workers.engine_start import ENGINE, engine_starter

log = structlog.get_logger(__name__)

#: Of so many idle polls one is done while Redis answers.
_POLLS_WHEN_RUNG = 5
#: What a render that is in one of these was doing when the engine died cannot have killed it.
_NOT_IN_A_PASS = (Phase.CLAIMED, Phase.PARKED)


class Worker:
    """Puts the parts of one worker together and runs them until it is told to drain.

    Parameters:
        connections: what this process holds open.
        pool: the pool of the catalog to serve; its model stays resident in the engine.
    """

    def __init__(self, connections: Connections, pool: str) -> None:
        self.id = new_id()
        self._connections = connections
        self._pool = connections.catalog.pool(pool)
        self._model = connections.catalog.model(self._pool.model)
        self._spool_folder = SpoolFolder()
        self._spool = self._spool_folder.path
        self._held_renders = LeasedRenders()
        self._recent_log = RecentLog(connections.progress, self.id)
        log_tail = LogTail(Redaction(known_secrets(connections.settings)).text, tell=self._recent_log.tell)
        self._settler = Settler(connections, self._held_renders, worker_id=self.id, pool=pool, log_tail=log_tail)
        self._storing = RetryingStorage(connections)
        self._disk_space = DiskSpace(connections.steady)
        self._link = EngineSupervisor(
            [*ENGINE, "--pool", self._pool.name, "--spool", str(self._spool), "--worker", self.id, "--hold-folders"],
            hang_seconds=connections.settings.engine_hang_seconds,
            on_message=self._on_message,
            on_death=self._on_engine_exit,
            on_ready=self._on_engine_ready,
            log=log_tail,
            start=engine_starter(connections.settings.engine_fork_server),
        )
        self._ordering = Ordering(connections, self._spool, connections.catalog.model(self._pool.model).adapters)
        self._finisher = ArtifactUploader(
            connections,
            self._held_renders,
            self._settler,
            self._storing,
            self._disk_space,
            on_done=self._count_done,
            lora_hashes=self._ordering.lora_hashes,
        )
        self._feeder = Feeder(
            connections,
            pool=pool,
            worker_id=self.id,
            link=self._link,
            held_renders=self._held_renders,
            settler=self._settler,
            ordering=self._ordering,
            disk_space=self._disk_space,
            can_store=lambda: self._storing.trouble is None,
        )
        self._checkpointing = Checkpointing(connections, self._held_renders, self._link, worker_id=self.id)
        self._heartbeat = Heartbeat(
            connections,
            lane=self._model.lane,
            worker_id=self.id,
            link=self._link,
            held_renders=self._held_renders,
            settler=self._settler,
            storing=self._storing,
            disk_space=self._disk_space,
            on_orders=self._apply_orders,
        )
        self._messages = EngineMessages(
            connections,
            held_renders=self._held_renders,
            settler=self._settler,
            finisher=self._finisher,
            feeder=self._feeder,
            checkpointing=self._checkpointing,
            heartbeat=self._heartbeat,
            ordering=self._ordering,
            disk_space=self._disk_space,
            facts=lambda: self._link.facts,
        )
        self._look_now = threading.Event()
        self._leaves_by = 0.0  # monotonic, once it drains

    def run(self) -> None:
        """Serve the pool until SIGTERM or SIGINT, then drain: what cannot end in time is saved and handed back."""
        connections = self._connections
        also_tell(connections.settings, self._recent_log.tell)
        identify(role="worker", worker=self.id, pool=self._pool.name)
        sync_catalog(connections.engine, connections.catalog, connections.clock())
        worker_registry.sign_on(
            connections.engine,
            worker_id=self.id,
            pool=self._pool.name,
            model=self._model.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            now=connections.clock(),
        )
        log.info("worker starts", worker=self.id, pool=self._pool.name, model=self._model.name)
        self._link.start()
        self._finisher.start()
        self._checkpointing.start()
        self._heartbeat.start()
        idle_poll = threading.Thread(target=self._poll, name="idle-poll", daemon=True)
        idle_poll.start()
        try:
            serve_rings(
                connections.settings,
                pool=self._pool.name,
                worker_name=f"{self._pool.name}.{self.id[-8:]}",
                on_ring=self._look,
                on_drain=self._drain,
            )
        finally:
            self._drain()
            idle_poll.join()
            self._close()

    def _poll(self) -> None:
        """Look without being rung: a ring can be lost, with Redis down there are none, and those that came before the
        model was loaded found nobody who could have claimed.

        While Redis answers, the supervisor rings again for what was lost, and this is the last resort.
        """
        seconds, looked = self._connections.settings.idle_poll_seconds, float("-inf")
        while True:
            at_once = self._look_now.wait(seconds)
            self._look_now.clear()
            if self._feeder.draining.is_set():
                return
            rung = self._connections.progress.reachable
            if at_once or not rung or time.monotonic() - looked >= _POLLS_WHEN_RUNG * seconds:
                self._look()
                looked = time.monotonic()

    def _look(self) -> None:
        self._feeder.work_until_empty()

    def _drain(self) -> None:
        if not self._feeder.draining.is_set():
            log.info("worker drains", leased=len(self._held_renders))
            self._leaves_by = time.monotonic() + self._connections.settings.drain_seconds
        self._heartbeat.draining = True
        self._feeder.drain()
        self._look_now.set()

    def _apply_orders(self, orders: Orders) -> None:
        """What the supervisor or an operator decided about this worker (in the heartbeat's thread)."""
        if (orders.quarantined is not None) != self._feeder.quarantined:
            self._feeder.quarantined = orders.quarantined is not None
            log.warning("quarantined" if orders.quarantined else "released", reason=orders.quarantined)
        # Before Celery listens to the signal, it would end us without a word: the next beat tells us again.
        if orders.drain and not self._feeder.draining.is_set() and signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
            log.info("told to drain and to end")
            os.kill(os.getpid(), signal.SIGTERM)

    def _close(self) -> None:
        connections = self._connections
        self._checkpointing.save_all(until=self._leaves_by)
        self._link.stop()
        self._checkpointing.stop()
        self._settler.end(self._held_renders.in_engine(), Outcome.RETURNED, "The worker was told to stop.")
        self._storing.wait_no_longer_than(connections.steady() + connections.settings.drain_seconds)
        self._finisher.stop()
        self._heartbeat.stop()
        worker_registry.sign_off(connections.engine, self.id, now=connections.clock())
        self._spool_folder.remove()
        log.info("worker ended", worker=self.id)

    def _on_message(self, message: Any) -> None:
        self._messages.on_message(message)

    def _on_engine_ready(self) -> None:
        self._heartbeat.beat_soon()
        self._look_now.set()

    def _on_engine_exit(self, reason: str) -> None:
        """The engine died: who was in a pass may be poison and renders in a smaller batch next; the others go back."""
        self._heartbeat.last_error = reason
        self._connections.metrics.count(ENGINE_DEATHS)
        self._checkpointing.engine_died()
        self._feeder.engine_died()
        lost = self._held_renders.in_engine()
        for leased in lost:
            self._spool_folder.forget(leased.render.id, leased.render.attempt)
        in_pass = [leased for leased in lost if leased.phase not in _NOT_IN_A_PASS]
        others = [leased for leased in lost if leased.phase in _NOT_IN_A_PASS]
        self._settler.end(in_pass, Outcome.FAILED, reason)
        self._settler.end(others, Outcome.RETURNED, reason)

    def _count_done(self, renders: int) -> None:
        self._heartbeat.count_done(renders)
