"""The engine: the step loop over tracks. Every decision is taken between two of its steps.

It owns the loop and lends the family's parts to it. Renders join at the next step, leave at any, and each
carries its own sampler, seed and progress; those with equal pass keys share one transformer pass.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import structlog
import torch
from torch import Tensor

from farm.file_errors import is_disk_full
from farm.lifecycle import Phase
from workers.denoising.fault_isolation import Outcome, StateInDoubt
from workers.denoising.out_of_memory import free_memory, is_out_of_memory
from workers.denoising.track import Track
from workers.engine.decode import Decoded, Decoding
from workers.engine.failure_reasons import failure, given_back
from workers.engine.loss_reports import LossReports
from workers.engine.open_batches import Batches
from workers.engine.parked_tracks import SwappedOut, swap_out
from workers.engine.passes import Passes, take_step
from workers.engine.previews import Previews
from workers.engine.spool import Spool
from workers.engine.start_track import begin
from workers.families.base import Family
from workers.protocol import (
    Checkpointed,
    CheckpointsSaved,
    FromEngine,
    MemoryFits,
    ParkedRenders,
    RenderBatch,
    RenderFailed,
    RenderOrder,
    RenderStep,
    ResumedRenders,
    Stepped,
)

log = structlog.get_logger(__name__)

_WAIT_SECONDS = 0.05  # for a decode, when there is nothing else to do; then the parent is heard again


class Engine:
    """Renders tracks of one model. Not thread-safe: one loop calls it.

    Parameters:
        spool: the folder where pixels and checkpoints are left.
        weights: of `checkpoint_file.weights_of`: a checkpoint of others is not gone on from.
        previews: when renders are shown while they step; None: never.
        decode_beside: whether a thread decodes while others step; None: where the device has streams.
    """

    def __init__(
        self,
        family: Family,
        spool: Path,
        *,
        weights: str = "",
        previews: Previews | None = None,
        decode_beside: bool | None = None,
    ) -> None:
        self._family = family
        self._spool = Spool(spool, family, weights)
        self._weights = weights
        self._waiting: deque[RenderOrder | SwappedOut] = deque()  # to be begun, or to be taken back into memory
        self._tracks: dict[str, Track] = {}  # stepping, by render id, in the order they joined
        self._parked: dict[str, RenderOrder | SwappedOut] = {}
        self._decoding = Decoding(
            family, beside=family.device.type == "cuda" if decode_beside is None else decode_beside
        )
        self._previews = previews or Previews(family, None)
        self._loss_reports = LossReports()
        self._batches = Batches()
        self.passes = Passes(family)
        self._decode_next = False
        self._most_inside: int | None = None  # with so many tracks inside there was no memory to begin another

    @property
    def idle(self) -> bool:
        """Whether `step` has nothing to do. What is parked waits for the parent's word."""
        return not (self._waiting or self._tracks or self._decoding.tracks or self._batches.ended)

    def admit(self, batch: RenderBatch) -> None:
        """Take renders in. They are encoded next, and share passes with what is there already."""
        for order in batch.renders:
            self.drop(order.render_id)  # a newer attempt takes the place of the old one
            self._waiting.append(order)
        self._batches.admit(batch)

    def drop(self, render_id: str, attempt: int | None = None) -> None:
        """Forget a render wherever it is; nothing more is said about it. Unknown ids are ignored, and so is an attempt
        in whose place a newer one has come.
        """
        if attempt is not None and any(
            order.render_id == render_id and order.attempt > attempt for order in self._orders()
        ):
            return
        self._tracks.pop(render_id, None)
        self._parked.pop(render_id, None)
        self._waiting = deque(waiting for waiting in self._waiting if waiting.render_id != render_id)
        for track in self._decoding.tracks:
            if track.order.render_id == render_id:
                self._spool.forget(track)
        self._decoding.drop(render_id)
        self._leave(render_id)

    def park(self, render_ids: list[str]) -> ParkedRenders:
        """Keep these parked from the next step on, in host memory; not those that are finished but for the decoding."""
        parked = []
        for render_id in render_ids:
            waiting = next((waiting for waiting in self._waiting if waiting.render_id == render_id), None)
            if waiting is not None:
                self._waiting.remove(waiting)
                self._parked[render_id] = waiting
            elif render_id in self._tracks and (swapped_out := swap_out(self._tracks[render_id])):
                del self._tracks[render_id]
                self._parked[render_id] = swapped_out
            else:
                continue
            parked.append(render_id)
        return ParkedRenders(parked)

    def resume(self, render_ids: list[str]) -> ResumedRenders:
        """Let parked renders go on, before any that has not begun."""
        resumed = [render_id for render_id in render_ids if render_id in self._parked]
        self._waiting.extendleft(self._parked.pop(render_id) for render_id in reversed(resumed))
        return ResumedRenders(resumed)

    def save_checkpoints(self, render_ids: list[str] | None) -> Iterator[Checkpointed | CheckpointsSaved]:
        """Write down how far these are (None: all) that have taken a step. What cannot be written goes on without."""
        swapped_out = [
            found.track for found in (*self._parked.values(), *self._waiting) if isinstance(found, SwappedOut)
        ]
        saved = []
        for track in (*self._tracks.values(), *swapped_out, *self._decoding.tracks):
            wanted = render_ids is None or track.order.render_id in render_ids
            if wanted and track.step and (path := self._spool.keep_state(track)):
                order = track.order
                yield Checkpointed(order.render_id, order.attempt, path, track.step, track.steps, track.gpu_seconds)
                saved.append(order.render_id)
        yield CheckpointsSaved(saved)

    @torch.no_grad()
    def step(self) -> Iterator[FromEngine]:
        """Do one thing: begin one render, decode a few finished ones, or make one pass for one pass key.

        Decoding runs beside passes where the device can, and else takes turns with them, so that neither holds the
        other up for longer than one of its own; it waits while what steps is more urgent. Yields messages as they
        become true; the caller consumes them all.

        Raises DeviceLost, and StateInDoubt after everything inside was given back.
        """
        inside = len(self._tracks) + len(self._decoding.tracks)
        began = self._may_begin(inside)
        if began:
            yield from self._begin(self._waiting.popleft(), inside)
        elif self._decoding.beside or self._decoding.in_flight:
            self._decoding.begin()
            if self._tracks:
                yield from self._pass()
        elif self._decodes_next():
            self._decode_next = False
            yield from self._decoded(self._decoding.now())
        elif self._tracks:
            self._decode_next = True
            yield from self._pass()
        yield from self._decoded(self._decoding.ended(seconds=0 if self._tracks or began else _WAIT_SECONDS))
        yield from self._batches.pop_ended()

    def _decodes_next(self) -> bool:
        """Whether it is the turn of what waits for its pixels."""
        if not self._decoding.queued or self._decoding.gives_way_to(track.order for track in self._tracks.values()):
            return False
        return self._decode_next or not self._tracks

    def _may_begin(self, inside: int) -> bool:
        """Whether there is one to begin, memory for it, nothing more urgent to decode here, and the VAE is free if a
        picture has to be encoded.
        """
        if not self._waiting or (self._most_inside is not None and inside >= self._most_inside):
            return False
        if not self._decoding.beside and self._decoding.goes_before(map(_order_of, self._waiting)):
            return False
        first = self._waiting[0]
        return not (isinstance(first, RenderOrder) and first.inputs and self._decoding.in_flight)

    def _begin(self, first: RenderOrder | SwappedOut, inside: int) -> Iterator[FromEngine]:
        """Make one render's track, or bring it back; without memory for it, wait until others have left."""
        order = _order_of(first)
        try:
            if isinstance(first, SwappedOut):
                track = first.swap_in(self._family.device)
            else:
                steps = order.parameters.get("num_inference_steps", 0)  # until the sampler says how many passes
                yield Stepped([RenderStep(order.render_id, order.attempt, Phase.ENCODING, 0, steps)])
                track = begin(self._family, order, self._weights)
        except Exception as error:
            if inside and is_out_of_memory(error):
                free_memory(self._family.device)
                self._most_inside = inside
                self._waiting.appendleft(first)
                yield MemoryFits(order.width, order.height, order.frames, inside)
            else:
                yield self._failed(order, "preparing it", error)
            return
        yield Stepped([_progress(track)])
        if track.finished:
            self._decoding.put(track)
        elif track.predicted_clean is not None:  # its worker went before its draft was settled
            yield from self._stop(track, track.predicted_clean)
        else:
            self._tracks[order.render_id] = track

    def _pass(self) -> Iterator[FromEngine]:
        """One transformer pass for the pass key that waited longest, then each track's own sampler step."""
        moved: list[RenderStep] = []
        try:
            for found in self.passes.run(self._tracks.values(), crowded=self._decoding.in_flight):
                if isinstance(found, MemoryFits):
                    yield found
                else:
                    yield from self._advance(found, moved)
        except StateInDoubt as error:
            yield from self._give_back(error)
            raise
        if moved:
            yield Stepped(moved)

    def _advance(self, outcome: Outcome[torch.Tensor], moved: list[RenderStep]) -> Iterator[FromEngine]:
        """Take one track's own step with its prediction; when it has moved, it is added to `moved`."""
        track = outcome.track
        doing = f"step {track.step + 1} of {track.steps}"
        if outcome.made is None:
            yield self._failed(track.order, doing, outcome.error)
            return
        stops = track.step + 1 == track.stop
        while self._decoding.in_flight and self._family.needs_vae(track):
            yield from self._decoded(self._decoding.ended(seconds=_WAIT_SECONDS))
        try:
            look_ahead = stops or self._previews.due(track)
            predicted = take_step(self._family, outcome, outcome.made, look_ahead=look_ahead)
        except Exception as error:
            yield self._failed(track.order, doing, error)
            return
        moved.append(_progress(track))
        yield from self._loss_reports.after_pass(track)
        if track.finished:
            del self._tracks[track.order.render_id]
            self._decoding.put(track)
        elif stops and predicted is not None:
            del self._tracks[track.order.render_id]
            yield from self._stop(track, predicted)
        elif predicted is not None:
            yield from self._previews.make(track.as_preview(predicted), vae_is_free=not self._decoding.in_flight)

    def _stop(self, track: Track, predicted: Tensor) -> Iterator[FromEngine]:
        """Let go of a track that is to be looked at before it goes on: its state is kept, its preview decoded."""
        track.predicted_clean = predicted  # kept too, for a worker that has to show it once more
        preview = track.as_preview(predicted)
        try:
            preview.draft = self._spool.keep_draft(track)
        except (OSError, TypeError) as error:
            reason = f"the spool folder took no checkpoint: {error}"
            failed = self._failed(track.order, "stopping for a draft", None, reason, own_fault=False)
            yield replace(failed, disk_full=is_disk_full(error))
        else:
            self._decoding.put(preview)

    def _decoded(self, outcomes: list[Decoded]) -> Iterator[FromEngine]:
        """Deliver what has been decoded, each or its failure."""
        for outcome in outcomes:
            track, pixels = outcome.track, outcome.made
            track.gpu_seconds += outcome.seconds
            track.seconds["decode"] = outcome.seconds
            said: FromEngine
            if outcome.error is not None:
                said = self._failed(track.order, "decoding", outcome.error)
            elif pixels is None:
                said = self._failed(track.order, "decoding", None, "the output holds values that are not numbers (NaN)")
            else:
                self._previews.learn(track, pixels)
                try:
                    said = self._spool.deliver(track, pixels, len(outcome.batch), outcome.row)
                    self._leave(track.order.render_id)
                except OSError as error:
                    reason = f"the spool folder took no pixels: {error}"
                    failed = self._failed(track.order, "saving", None, reason, own_fault=False)
                    said = replace(failed, disk_full=is_disk_full(error))
            if isinstance(said, RenderFailed):
                self._spool.forget(track)
            yield said

    def _failed(
        self, order: RenderOrder, doing: str, error: Exception | None, reason: str = "", *, own_fault: bool = True
    ) -> RenderFailed:
        failed = failure(order, doing, error, reason, own_fault=own_fault)
        self._tracks.pop(order.render_id, None)
        self._leave(order.render_id)
        return failed

    def _give_back(self, error: StateInDoubt) -> Iterator[RenderFailed]:
        """This process ends: everything inside goes."""
        log.error("the model is in doubt, so nothing more is rendered with it", reason=str(error))
        yield from [given_back(track.order, error, in_passes=True) for track in self._tracks.values()]
        rest = [order for order in self._orders() if order.render_id not in self._tracks]
        yield from [given_back(order, error, in_passes=False) for order in rest]

    def _orders(self) -> Iterator[RenderOrder]:
        """Of all that is inside."""
        yield from (track.order for track in (*self._tracks.values(), *self._decoding.tracks))
        yield from map(_order_of, (*self._waiting, *self._parked.values()))

    def _leave(self, render_id: str) -> None:
        self._family.step_caches.forget(render_id)
        self._previews.forget(render_id)
        self._loss_reports.forget(render_id)
        self._batches.leave(render_id)


def _order_of(waiting: RenderOrder | SwappedOut) -> RenderOrder:
    return waiting if isinstance(waiting, RenderOrder) else waiting.order


def _progress(track: Track) -> RenderStep:
    phase = Phase.FINISHING if track.finished else Phase.STEPPING
    return RenderStep(track.order.render_id, track.order.attempt, phase, track.step, track.steps)
