"""What a worker makes of what its engine says: one message, one function (in the link's thread)."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from farm.connections import Connections
from farm.lifecycle import Outcome, Phase
from farm.metrics.process_metrics import EMBEDDINGS, ENGINE_MEMORY, PASS_RENDERS, PASS_SECONDS
from farm.progress import Preview, StepProgress
from scheduler.batching.batch_curves import Shape
from workers.agent.artifact_uploader import ArtifactUploader
from workers.agent.checkpoint_uploader import Checkpointing
from workers.agent.engine_feeder import Feeder
from workers.agent.heartbeat import Heartbeat
from workers.agent.leased_renders import LeasedRender, LeasedRenders
from workers.agent.render_orders import Ordering
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace
from workers.protocol import (
    Checkpointed,
    CheckpointsSaved,
    Drafted,
    EngineFacts,
    Learnt,
    LoadFailed,
    Measured,
    MemoryFits,
    ParkedRenders,
    Previewed,
    Rendered,
    RenderFailed,
    ResumedRenders,
    Stepped,
)

log = structlog.get_logger(__name__)

_REPORT_SECONDS = 0.5  # progress is for eyes: at most two messages a second


class EngineMessages:
    """Gives each message to whom it concerns. `facts`: what the engine said of itself when it was ready."""

    def __init__(
        self,
        connections: Connections,
        *,
        held_renders: LeasedRenders,
        settler: Settler,
        finisher: ArtifactUploader,
        feeder: Feeder,
        checkpointing: Checkpointing,
        heartbeat: Heartbeat,
        ordering: Ordering,
        disk_space: DiskSpace,
        facts: Callable[[], EngineFacts | None],
    ) -> None:
        self._disk_space = disk_space
        self._metrics = connections.metrics
        self._progress = connections.progress
        self._held_renders = held_renders
        self._settler = settler
        self._finisher = finisher
        self._feeder = feeder
        self._heartbeat = heartbeat
        self._ordering = ordering
        self._facts = facts
        self._reported = 0.0
        self._table: Mapping[type, Callable[[Any], object]] = {
            Stepped: self._stepped,
            Rendered: self._made,
            Drafted: self._made,
            RenderFailed: self._failed,
            Checkpointed: checkpointing.on_message,
            CheckpointsSaved: checkpointing.on_message,
            ParkedRenders: self._parked,
            ResumedRenders: self._resumed,
            Previewed: self._previewed,
            Learnt: self._learnt,
            MemoryFits: self._memory_fits,
            Measured: self._measured,
            LoadFailed: self._load_failed,
        }

    def on_message(self, message: Any) -> None:
        """Do what a message asks for; of those that are not in the table it is enough that they came."""
        if act := self._table.get(type(message)):
            act(message)

    def _stepped(self, stepped: Stepped) -> None:
        moved: list[LeasedRender] = []
        for step in stepped.steps:
            if leased := self._held_renders.step(
                step.render_id, step.attempt, Phase(step.phase), step.step, step.steps
            ):
                moved.append(leased)
                if leased.phase != Phase.ENCODING:
                    self._ordering.begun(step.render_id)
        self._held_renders.moved()
        ended = any(leased.step == leased.steps for leased in moved)
        if not ended and time.monotonic() - self._reported < _REPORT_SECONDS:
            return
        self._reported = time.monotonic()
        self._show(moved)

    def _made(self, made: Rendered | Drafted) -> None:
        self._held_renders.leave_engine(made.render_id)
        if facts := self._facts():
            self._finisher.put(made, facts)

    def _failed(self, failed: RenderFailed) -> None:
        leased = self._held_renders.get(failed.render_id, failed.attempt)
        log.warning("render failed", render=failed.render_id, reason=failed.reason, own_fault=failed.own_fault)
        if failed.disk_full:
            self._disk_space.ran_out()
        if leased:
            outcome = Outcome.FAILED if failed.own_fault else Outcome.RETURNED
            self._settler.end([leased], outcome, failed.reason, hopeless=failed.hopeless)

    def _parked(self, parked: ParkedRenders) -> None:
        self._show(self._held_renders.phase_is(parked.render_ids, Phase.PARKED))

    def _resumed(self, resumed: ResumedRenders) -> None:
        self._show(self._held_renders.phase_is(resumed.render_ids, Phase.STEPPING))

    def _previewed(self, previewed: Previewed) -> None:
        if leased := self._held_renders.get(previewed.render_id, previewed.attempt):
            render = leased.render
            self._progress.show(
                Preview(job_id=render.job_id, project_id=render.project_id, render_id=render.id, step=previewed.step),
                previewed.data,
            )

    def _learnt(self, learnt: Learnt) -> None:
        if self._held_renders.get(learnt.render_id, learnt.attempt):
            self._progress.show_losses(learnt.render_id, learnt.losses)

    def _memory_fits(self, fits: MemoryFits) -> None:
        self._feeder.memory_fits(Shape(fits.width, fits.height, fits.frames), fits.renders)

    def _measured(self, measured: Measured) -> None:
        for renders, seconds in measured.passes:
            self._metrics.observe(PASS_SECONDS, seconds)
            self._metrics.observe(PASS_RENDERS, renders)
        self._metrics.count(EMBEDDINGS, measured.embeddings_found, result="hit")
        self._metrics.count(EMBEDDINGS, measured.embeddings_encoded, result="miss")
        for kind, size in measured.memory.items():
            self._metrics.put(ENGINE_MEMORY, size, kind=kind)
        self._heartbeat.device_memory_bytes = measured.memory.get("reserved")

    def _load_failed(self, failed: LoadFailed) -> None:
        log.error("model not loaded", reason=failed.reason)
        self._heartbeat.last_error = failed.reason

    def _show(self, held_renders: Sequence[LeasedRender]) -> None:
        """Tell those who watch where these renders are."""
        self._progress.report(
            [
                StepProgress(
                    job_id=leased.render.job_id,
                    project_id=leased.render.project_id,
                    render_id=leased.render.id,
                    phase=leased.phase,
                    step=leased.step,
                    steps=leased.steps,
                )
                for leased in held_renders
            ]
        )
