"""From claimed renders to what the engine is told, with the files that they need fetched from storage."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import stamina
import structlog
from sqlalchemy.exc import DBAPIError

from farm.catalog.adapters import AdapterEntry
from farm.connections import Connections
from farm.errors import NotFound, StorageDown
from farm.file_errors import is_disk_full
from farm.lifecycle import Outcome
from farm.storage import StoredFile
from scheduler.batching.preemption_policy import rank
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.leases import checkpoint_rows
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.input_pictures import Pictures
from workers.agent.leased_renders import LeasedRenders
from workers.agent.lora_files import AdapterFiles
from workers.agent.settler import Settler
from workers.agent.spool_folder import DISK_FULL, DiskSpace
from workers.protocol import RenderBatch, RenderOrder

log = structlog.get_logger(__name__)

#: Seconds to wait for a store that is away before a render begins anew: others wait for it to be handed over.
_FETCH_RETRY_SECONDS = 20.0


class Ordering:
    """Makes the orders of one worker. `spool`: the folder that it shares with its engine; `adapters`: of its model."""

    def __init__(
        self, connections: Connections, spool: Path, adapters: Mapping[str, AdapterEntry] = MappingProxyType({})
    ) -> None:
        self._connections = connections
        self._spool = spool
        self._begun: dict[str, Path] = {}
        self._pictures = Pictures(connections.storage, spool / "pictures")
        self._adapters = AdapterFiles(connections.storage, spool / "adapters", adapters)

    def begun(self, render_id: str) -> None:
        """The engine steps it: what it went on from is not needed any more."""
        if path := self._begun.pop(render_id, None):
            path.unlink(missing_ok=True)

    def lora_hashes(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Of a render that was ordered: by the sha256 of its LoRAs' files, their hashes on Civitai."""
        return self._adapters.civitai_hashes(parameters)

    def orders(self, renders: Sequence[ClaimedRender]) -> list[RenderOrder]:
        """One for each. Those that were begun before go on from their newest checkpoint, if it can be had.

        Raises StorageDown while a picture or an adapter that they need cannot be fetched, OSError without room for it.
        """
        saved = self._saved([render.id for render in renders if render.attempt > 1])
        return [self._order(render, saved.get(render.id)) for render in renders]

    def _order(self, render: ClaimedRender, saved: StoredFile | None) -> RenderOrder:
        path = self._fetch(render, saved) if saved else None
        return RenderOrder(
            render_id=render.id,
            attempt=render.attempt,
            job_id=render.job_id,
            parameters=render.parameters,
            width=render.width,
            height=render.height,
            frames=render.frames,
            checkpoint=str(path) if path else None,
            inputs=self._pictures.files_for(render.parameters, render.id)
            | self._adapters.files_for(render.parameters, render.id),
            class_rank=rank(render.class_name, self._connections.settings.class_shares),
        )

    def _saved(self, render_ids: Sequence[str]) -> dict[str, StoredFile]:
        if not render_ids:
            return {}
        try:
            return checkpoint_rows.newest(self._connections.engine, render_ids)
        except DBAPIError as error:
            log.warning("checkpoints not found, as the database did not answer", error=str(error.orig))
            return {}

    def _fetch(self, render: ClaimedRender, saved: StoredFile) -> Path | None:
        """The checkpoint as a local file; None if it cannot be had whole: then the render begins anew."""
        data = b""
        try:
            for attempt in stamina.retry_context(
                on=StorageDown, timeout=_FETCH_RETRY_SECONDS, attempts=None, wait_max=5.0
            ):
                with attempt:
                    data = self._connections.storage.get(saved.key)
        except (NotFound, StorageDown) as error:
            log.warning("a render begins anew: its checkpoint cannot be had", render=render.id, reason=str(error))
            return None
        if hashlib.sha256(data).hexdigest() != saved.sha256:
            log.warning("a render begins anew: its checkpoint is not what was stored", render=render.id, key=saved.key)
            return None
        path = self._begun[render.id] = self._spool / f"{render.id}-{render.attempt}.begun"
        try:
            path.write_bytes(data)
        except OSError as error:
            path.unlink(missing_ok=True)
            log.warning("a render begins anew: no room for its checkpoint", render=render.id, reason=str(error))
            return None
        log.info("goes on from a checkpoint", render=render.id, attempt=render.attempt, bytes=len(data))
        return path


class Handover:
    """Hands claimed renders to the engine; those that cannot be handed over go back, and nobody is to blame."""

    def __init__(
        self,
        ordering: Ordering,
        *,
        link: EngineSupervisor,
        held_renders: LeasedRenders,
        settler: Settler,
        disk_space: DiskSpace,
    ) -> None:
        self.ordering = ordering
        self._disk_space = disk_space
        self._link = link
        self._held_renders = held_renders
        self._settler = settler

    def hand_over(self, batch_id: str, renders: Sequence[ClaimedRender]) -> int:
        """Send renders to the engine; they join what it renders at the next step. How many were sent."""
        if not renders:
            return 0
        try:
            orders = self.ordering.orders(renders)
        except StorageDown as error:
            self.give_back(renders, f"What it starts from could not be fetched: {error}")
            return 0
        except OSError as error:
            if not is_disk_full(error):
                raise
            self._disk_space.ran_out()
            self.give_back(renders, DISK_FULL)
            return 0
        if not self._link.send(RenderBatch(batch_id, orders)):
            # It died between the claim and now: nobody has begun, so nobody is to blame.
            self.give_back(renders, "The engine was not running.")
            return 0
        return len(renders)

    def give_back(self, renders: Sequence[ClaimedRender], reason: str) -> None:
        """Those that are still held go back to pending."""
        held = [leased for render in renders if (leased := self._held_renders.get(render.id, render.attempt))]
        self._settler.end(held, Outcome.RETURNED, reason)
