"""Uploads how far long renders are: every so often, and before the worker leaves."""

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError

from farm.connections import Connections
from farm.errors import StorageDown
from farm.storage_keys import artifact_key, checkpoint_name
from scheduler.leases.checkpoint_rows import Checkpoint, keep
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.leased_renders import LeasedRenders
from workers.protocol import Checkpointed, CheckpointsSaved, SaveCheckpoints

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/octet-stream"
_LOOK_SECONDS = 1.0  # how often it is asked whose checkpoint is due


class Checkpointing:
    """Asks the engine for checkpoints and stores them, in a thread of its own: the engine steps on meanwhile.

    A checkpoint that cannot be stored is left out; the next one is due as if it had been.
    """

    def __init__(
        self, connections: Connections, held_renders: LeasedRenders, link: EngineSupervisor, *, worker_id: str
    ) -> None:
        self._connections = connections
        self._held_renders = held_renders
        self._link = link
        self._worker_id = worker_id
        self._every = connections.settings.checkpoint_seconds
        self._messages: queue.Queue[Checkpointed | CheckpointsSaved | None] = queue.Queue()
        self._asked = self._answered = 0  # how often the engine was asked, and has said that this was all
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="checkpointing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def on_message(self, message: Checkpointed | CheckpointsSaved) -> None:
        """What the engine answers."""
        self._messages.put(message)

    def engine_died(self) -> None:
        """What it was asked for will not come."""
        with self._changed:
            self._answered = self._asked
            self._changed.notify_all()

    def save_all(self, until: float) -> None:
        """Store how far everything in the engine is. Returns when that is done, or at `until` (monotonic)."""
        if not self._every or not self._held_renders.in_engine():
            return
        mine = self._ask(None)
        with self._changed:
            stored = self._changed.wait_for(lambda: self._answered >= mine, max(0.0, until - time.monotonic()))
        if not stored:
            log.warning("no time to store all checkpoints", renders=len(self._held_renders.in_engine()))

    def stop(self) -> None:
        """Store what was heard, then end."""
        self._messages.put(None)
        self._thread.join()

    def _ask(self, render_ids: list[str] | None) -> int:
        """Ask the engine; the number under which it is answered."""
        with self._changed:
            self._asked += 1
            number = self._asked
        if not self._link.send(SaveCheckpoints(render_ids)):
            self.engine_died()
        return number

    def _work(self) -> None:
        while True:
            try:
                messages = [self._messages.get(timeout=_LOOK_SECONDS)]
            except queue.Empty:
                messages = []
            while not self._messages.empty():
                messages.append(self._messages.get())
            self._store([item for item in messages if isinstance(item, Checkpointed)])
            with self._changed:
                self._answered += sum(isinstance(item, CheckpointsSaved) for item in messages)
                self._changed.notify_all()
            if None in messages:
                return
            if self._every and (due := self._held_renders.to_save(self._every)):
                self._ask(due)

    def _store(self, saved: Sequence[Checkpointed]) -> None:
        """Files first, then their rows, then what they replace goes."""
        stored = [checkpoint for item in saved if (checkpoint := self._upload(item))]
        if not stored:
            return
        connections = self._connections
        try:
            kept = keep(connections.engine, stored, worker_id=self._worker_id, now=connections.clock())
            connections.storage.delete(kept.replaced)
        except (DBAPIError, StorageDown) as error:
            # Files that no row names are swept up; a row that was written stays right.
            log.warning("checkpoints not kept", renders=len(stored), reason=type(error).__name__)
        else:
            for item in saved:
                if item.render_id in kept.accepted:
                    self._held_renders.saved(item.render_id, item.attempt, item.gpu_seconds)
            log.info("checkpoints stored", renders=len(kept.accepted), bytes=sum(item.file.size for item in stored))

    def _upload(self, saved: Checkpointed) -> Checkpoint | None:
        """Store one file; None if its render was revoked, or the store is away."""
        path = Path(saved.path)
        try:
            leased = self._held_renders.get(saved.render_id, saved.attempt)
            if leased is None:
                return None
            render = leased.render
            key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, checkpoint_name(saved.step))
            return Checkpoint(render.id, render.attempt, self._connections.storage.put(key, path, CONTENT_TYPE))
        except (StorageDown, OSError) as error:
            log.warning("checkpoint not stored", render=saved.render_id, reason=str(error))
            return None
        finally:
            path.unlink(missing_ok=True)
