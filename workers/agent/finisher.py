"""After the last step, or at a draft: encode, hash, upload, settle; in a thread, so that the engine steps on."""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from farm.connections import Connections
from farm.errors import Fault, SettingsError, StorageDown
from farm.lifecycle import Outcome
from farm.plugins import PluginKind, PluginMissing, missing, plugin_names
from farm.storage import artifact_key
from scheduler.leases.settle import Output, Settlement
from workers.agent.held_renders import HeldRender, HeldRenders
from workers.agent.measurements import observe
from workers.agent.settler import Settler
from workers.agent.storage_state import Storing
from workers.outputs.artifacts import File, make_draft_files, make_files
from workers.outputs.encode import Unusable
from workers.outputs.plugins import NotAllowed, PluginFailed
from workers.protocol import Drafted, EngineFacts, Rendered

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0  # how often an idle thread sees whether a storage that was away is back


class Finisher:
    """Turns finished pixels into stored artifacts. Renders that are ready together are settled together."""

    def __init__(
        self,
        connections: Connections,
        held_renders: HeldRenders,
        settler: Settler,
        storing: Storing,
        *,
        on_done: Callable[[int], None],
        lora_hashes: Callable[[Mapping[str, Any]], Mapping[str, str]] = lambda _: {},
    ) -> None:
        self._safety_checker = connections.settings.safety_checker
        if self._safety_checker is not None and self._safety_checker not in plugin_names(PluginKind.SAFETY_CHECKER):
            fault = Fault("FARM_SAFETY_CHECKER", missing(PluginKind.SAFETY_CHECKER, self._safety_checker))
            raise SettingsError([fault])
        self._on_done = on_done
        self._lora_hashes = lora_hashes
        self._connections = connections
        self._held_renders = held_renders
        self._settler = settler
        self._storing = storing
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

    def _finish(self, rendered: Rendered | Drafted, facts: EngineFacts) -> Settlement | None:
        """Store one render; None if it was revoked while it was stepping."""
        leased = self._held_renders.get(rendered.render_id, rendered.attempt)
        outcome = Outcome.DONE if isinstance(rendered, Rendered) else Outcome.DRAFTED
        reason, outputs, hopeless = None, list[Output](), False
        if leased is None:
            _clear(rendered)
            return None
        now = self._connections.clock()
        try:
            pixels = np.load(rendered.pixels_path)
            render, hashes = leased.render, self._lora_hashes(leased.render.parameters)
            checker = self._safety_checker
            if isinstance(rendered, Rendered):
                files = make_files(
                    render, rendered, facts, pixels, finished_at=now, safety_checker=checker, lora_hashes=hashes
                )
            else:
                files = make_draft_files(render, rendered, facts, pixels, safety_checker=checker, lora_hashes=hashes)
            outputs = self._upload(leased, files)
        except Unusable as error:
            outcome, reason = Outcome.FAILED, f"There is no output: {error}."
        except NotAllowed as error:
            outcome, reason, hopeless = Outcome.FAILED, f"The output was not stored: {error}.", True
        except (PluginMissing, PluginFailed) as error:
            outcome, reason = Outcome.FAILED, f"The output could not be finished: {error}."
        except StorageDown as error:
            outcome, reason = Outcome.RETURNED, f"The output could not be stored: {error}"
        except Exception as error:  # one bad output must not end the thread that stores all others
            log.exception("finishing failed", render=rendered.render_id)
            outcome, reason = Outcome.FAILED, f"The output could not be encoded: {error}"
        finally:
            _clear(rendered)
        seen = observe(rendered, leased, device=facts.device, now=time.monotonic())
        return Settlement(
            render_id=rendered.render_id,
            attempt=rendered.attempt,
            outcome=outcome,
            reason=reason,
            gpu_seconds=rendered.gpu_seconds,
            artifacts=outputs,
            hopeless=hopeless,
            observation=seen if outputs else None,
        )

    def _upload(self, leased: HeldRender, files: Sequence[File]) -> list[Output]:
        render, stored = leased.render, []
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


def _clear(rendered: Rendered | Drafted) -> None:
    """Remove what the engine left in the spool folder for it."""
    other = rendered.latents_path if isinstance(rendered, Rendered) else rendered.checkpoint_path
    for path in (rendered.pixels_path, other):
        if path is not None:
            Path(path).unlink(missing_ok=True)
