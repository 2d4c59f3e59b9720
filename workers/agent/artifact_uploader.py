"""After the last step, or at a draft: encode, hash, upload, settle; in a thread, so that the engine steps on."""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from farm.connections import Connections
from farm.errors import StorageDown
from farm.file_errors import is_disk_full
from farm.lifecycle import Outcome
from farm.metrics.declared import STAGE_SECONDS
from farm.plugins import MARKED, NOT_ALLOWED, PluginMissing
from farm.provenance.certificate import CannotSign
from farm.storage_keys import artifact_key
from scheduler.claims.claim import ClaimedRender
from scheduler.leases.settle import Output, Settlement
from workers.agent.leased_renders import LeasedRender, LeasedRenders
from workers.agent.measurements import observe
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DISK_FULL, DiskSpace
from workers.agent.telemetry.render_spans import stored_spans
from workers.outputs.artifacts import File, make_draft_files, make_files
from workers.outputs.encode import Pixels, Unusable, check_pixels
from workers.outputs.plugins import NotAllowed, OutputPlugins, PluginFailed, Shown
from workers.outputs.provenance import Provenance
from workers.protocol import Drafted, EngineFacts, Rendered

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0  # how often an idle thread sees whether a storage that was away is back


@dataclass(frozen=True)
class _Ending:
    """How an attempt ends whose output could not be made or stored. `reason`: for people, with the error in it."""

    outcome: Outcome
    reason: str
    hopeless: bool = False  # it would fail again


#: By what was raised.
_ENDINGS: Sequence[tuple[tuple[type[Exception], ...], _Ending]] = (
    ((Unusable,), _Ending(Outcome.FAILED, "There is no output: {}.")),
    ((NotAllowed,), _Ending(Outcome.FAILED, f"{NOT_ALLOWED}: {{}}.", hopeless=True)),
    ((CannotSign,), _Ending(Outcome.FAILED, "The output was not stored, as it cannot be signed: {}.", hopeless=True)),
    ((PluginMissing, PluginFailed), _Ending(Outcome.FAILED, "The output could not be finished: {}.")),
    ((StorageDown,), _Ending(Outcome.RETURNED, "The output could not be stored: {}")),
)
_UNFORESEEN = _Ending(Outcome.FAILED, "The output could not be encoded: {}")


class ArtifactUploader:
    """Turns finished pixels into stored artifacts. Renders that are ready together are settled together."""

    def __init__(
        self,
        connections: Connections,
        held_renders: LeasedRenders,
        settler: Settler,
        storing: RetryingStorage,
        disk_space: DiskSpace,
        *,
        on_done: Callable[[int], None],
        lora_hashes: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda _: {},
    ) -> None:
        settings = connections.settings
        self._plugins = OutputPlugins(settings.safety_checker, marks=settings.safety_action == "mark")
        self._provenance = Provenance.of(settings, connections.clock())
        self._on_done = on_done
        self._lora_hashes = lora_hashes
        self._connections = connections
        self._held_renders = held_renders
        self._settler = settler
        self._storing = storing
        self._disk_space = disk_space
        self._rendered: queue.Queue[tuple[Rendered | Drafted, EngineFacts] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="finishing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, rendered: Rendered | Drafted, facts: EngineFacts) -> None:
        self._rendered.put((rendered, facts))

    def stop(self) -> None:
        """Finish what is queued, then end."""
        self._rendered.put(None)
        self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                waiting = [self._rendered.get(timeout=_LOOK_SECONDS)]
            except queue.Empty:
                self._storing.look()
                continue
            while not self._rendered.empty():
                waiting.append(self._rendered.get())
            settled = self._settler.settle(
                [settlement for item in waiting if item and (settlement := self._finish(*item))]
            )
            self._on_done(len(settled))
            if None in waiting:
                return

    def _finish(self, made: Rendered | Drafted, facts: EngineFacts) -> Settlement | None:
        """Store one render or draft; None if it was revoked while it was stepping."""
        leased = self._held_renders.get(made.render_id, made.attempt)
        try:
            return None if leased is None else self._store(leased, made, facts)
        except Exception as error:  # one bad output must not end the thread that stores all others
            if is_disk_full(error):
                self._disk_space.ran_out()
            return _not_stored(made, error)
        finally:
            _clear(made)

    def _store(self, leased: LeasedRender, made: Rendered | Drafted, facts: EngineFacts) -> Settlement:
        connections, began = self._connections, time.monotonic()
        pixels, shown = self._shown(leased.render, made)
        files = self._files(leased.render, made, facts, pixels, shown)
        artifacts = self._upload(leased.render, files)
        for stage, seconds in {**made.seconds, "store": time.monotonic() - began}.items():
            connections.metrics.observe(STAGE_SECONDS, seconds, stage=stage)
        for span in stored_spans(leased, made, began=began, pool=self._settler.pool, now=connections.clock()):
            connections.traces.add(span)
        return Settlement(
            render_id=made.render_id,
            attempt=made.attempt,
            outcome=Outcome.DONE if isinstance(made, Rendered) else Outcome.DRAFTED,
            reason=None if shown.objection is None else MARKED.format(shown.objection),
            gpu_seconds=made.gpu_seconds,
            artifacts=artifacts,
            observation=observe(made, leased, device=facts.device, now=time.monotonic()),
        )

    def _shown(self, render: ClaimedRender, made: Rendered | Drafted) -> tuple[Pixels, Shown]:
        """Pixels as the engine made them, and what is shown of them. The plugins are entered here, and nowhere else."""
        pixels = np.load(made.pixels_path)
        if isinstance(made, Drafted):
            return pixels, self._plugins.show_draft(pixels, render.parameters)
        check_pixels(pixels)
        return pixels, self._plugins.show(pixels, render.parameters)

    def _files(
        self, render: ClaimedRender, made: Rendered | Drafted, facts: EngineFacts, pixels: Pixels, shown: Shown
    ) -> list[File]:
        finished_at, hashes = self._connections.clock(), self._lora_hashes(render.parameters)
        if isinstance(made, Drafted):
            return make_draft_files(
                *(render, made, facts, shown),
                finished_at=finished_at,
                lora_hashes=hashes,
                provenance=self._provenance,
            )
        return make_files(
            *(render, made, facts, pixels, shown),
            finished_at=finished_at,
            lora_hashes=hashes,
            provenance=self._provenance,
        )

    def _upload(self, render: ClaimedRender, files: Sequence[File]) -> list[Output]:
        stored = []
        for kind, file in files:
            key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, file.filename)
            saved = self._storing.put(key, file.data, file.content_type)
            stored.append(
                Output(
                    kind=kind,
                    file=saved,
                    width=file.width or None,
                    height=file.height or None,
                    frames=file.frames or None,
                    score=file.score,
                    kept=True if file.score is not None and not render.parameters.get("keep_best") else None,
                )
            )
        return stored


def _not_stored(made: Rendered | Drafted, error: Exception) -> Settlement:
    """What an attempt comes to whose output could not be made or stored."""
    ending = next((ending for kinds, ending in _ENDINGS if isinstance(error, kinds)), _UNFORESEEN)
    if is_disk_full(error):
        ending = _Ending(Outcome.RETURNED, DISK_FULL)
    if ending is _UNFORESEEN:
        log.error("finishing failed", render=made.render_id, exc_info=error)
    return Settlement(
        render_id=made.render_id,
        attempt=made.attempt,
        outcome=ending.outcome,
        reason=ending.reason.format(error),
        gpu_seconds=made.gpu_seconds,
        hopeless=ending.hopeless,
    )


def _clear(made: Rendered | Drafted) -> None:
    """Remove what the engine left in the spool folder for it."""
    other = made.latents_path if isinstance(made, Rendered) else made.checkpoint_path
    for path in (made.pixels_path, other):
        if path is not None:
            Path(path).unlink(missing_ok=True)
