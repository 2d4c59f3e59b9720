"""The engine: the step loop over tracks. Every decision is taken between two of its steps.

It owns the loop and lends the family's parts to it. Renders join at the next step, leave at any, and each
carries its own sampler, seed and progress; those with equal pass keys share one transformer pass.
"""

import time
from collections import deque
from collections.abc import Hashable, Iterator
from pathlib import Path

import numpy as np
import structlog
import torch
from safetensors import SafetensorError

from farm.errors import FarmError
from farm.lifecycle import Phase
from workers.batches import Batches
from workers.companies import DeviceLost, Outcome, in_company, is_device_lost, is_out_of_memory, synchronize
from workers.families.base import Family, Pixels, Track
from workers.latents import save_latents
from workers.protocol import (
    FromEngine,
    MemoryFits,
    RenderBatch,
    Rendered,
    RenderFailed,
    RenderOrder,
    RenderStep,
    Stepped,
    StepTrace,
)

log = structlog.get_logger(__name__)

#: Pixels (width x height x frames) decoded in one go, about a step's time on the hardware that fits the
#: model.
DECODE_PIXELS = 4 * 1024 * 1024
_REASON_CHARS = 600


class Engine:
    """Renders tracks of one model. Not thread-safe: one loop calls it. `spool` is where pixels are left."""

    def __init__(self, family: Family, spool: Path) -> None:
        self._family = family
        self._spool = spool
        self._waiting: deque[RenderOrder] = deque()
        self._tracks: dict[str, Track] = {}  # stepping, by render id, in the order they joined
        self._finished: deque[Track] = deque()  # to be decoded
        self._batches = Batches()
        self._rows: dict[Hashable, int] = {}  # pass key → most tracks that memory allowed
        self._turns: dict[Hashable, int] = {}  # pass key → when it last had a pass
        self._turn = 0
        self._decode_next = False
        self._most_inside: int | None = None  # with so many tracks inside there was no memory to begin another

    @property
    def idle(self) -> bool:
        """Whether `step` has nothing to do."""
        return not (self._waiting or self._tracks or self._finished or self._batches.ended)

    def admit(self, batch: RenderBatch) -> None:
        """Take renders in. They are encoded next, and share passes with what is there already."""
        for order in batch.renders:
            self.drop(order.render_id)  # a newer attempt takes the place of the old one
            self._waiting.append(order)
        self._batches.admit(batch)

    def drop(self, render_id: str) -> None:
        """Forget a render wherever it is; nothing more is said about it. Unknown ids are ignored."""
        self._tracks.pop(render_id, None)
        self._waiting = deque(order for order in self._waiting if order.render_id != render_id)
        self._finished = deque(track for track in self._finished if track.order.render_id != render_id)
        self._batches.leave(render_id)

    @torch.no_grad()
    def step(self) -> Iterator[FromEngine]:
        """Do one thing: encode one render, decode a few finished ones, or make one pass for one pass key.

        Decoding takes turns with passes, so that neither holds the other up for longer than one of its own.
        Yields messages as they become true; the caller consumes them all. Raises DeviceLost.
        """
        inside = len(self._tracks) + len(self._finished)
        if self._waiting and (self._most_inside is None or inside < self._most_inside):
            yield from self._begin(self._waiting.popleft(), inside)
        elif self._finished and (self._decode_next or not self._tracks):
            self._decode_next = False
            yield from self._decode()
        elif self._tracks:
            self._decode_next = True
            yield from self._pass()
        yield from self._batches.pop_ended()

    def _begin(self, order: RenderOrder, inside: int) -> Iterator[FromEngine]:
        """Encode the prompts of one render and make its track; without memory for it, wait until others left."""
        steps = order.parameters.get("num_inference_steps", 0)  # until the sampler says how many passes that is
        yield Stepped([RenderStep(order.render_id, order.attempt, Phase.ENCODING, 0, steps)])
        started = time.perf_counter()
        try:
            prepared = self._family.prepare(order)
            track = self._family.start(prepared, self._family.encode(prepared))
            synchronize(self._family.device)
        except Exception as error:
            if inside and is_out_of_memory(error):
                self._most_inside = inside
                self._waiting.appendleft(order)
                yield MemoryFits(order.width, order.height, order.frames, inside)
            else:
                yield self._failed(order, "preparing it", error)
            return
        track.seconds["encode"] = track.gpu_seconds = time.perf_counter() - started
        track.seconds["steps"] = 0.0
        self._tracks[order.render_id] = track
        yield Stepped([_progress(track, Phase.STEPPING)])

    def _pass(self) -> Iterator[FromEngine]:
        """One transformer pass for the pass key that waited longest, then each track's own sampler step."""
        key, tracks = self._next_company()
        moved: list[Track] = []
        limit = self._rows.get(key, len(tracks))
        for begin in range(0, len(tracks), limit):
            part = tracks[begin : begin + limit]
            outcomes = in_company(self._family.predict, part, self._family.device)
            fitted = [len(outcome.company) for outcome in outcomes if outcome.short_of_memory]
            if fitted:  # ask for no more rows than this from now on
                self._rows[key] = max(fitted)
                order = part[0].order
                yield MemoryFits(order.width, order.height, order.frames, max(fitted))
            for outcome in outcomes:
                failure = self._advance(outcome)
                if failure is None:
                    moved.append(outcome.track)
                else:
                    yield failure
        if moved:
            yield Stepped([_progress(track, Phase.FINISHING if track.finished else Phase.STEPPING) for track in moved])

    def _next_company(self) -> tuple[Hashable, list[Track]]:
        """All tracks of the pass key that was served longest ago.

        Guided ones first, then in the order they joined: a row's number and the number of guided rows then say
        where in the pass a track was, and on some machines the last bits depend on that.
        """
        companies: dict[Hashable, list[Track]] = {}
        for track in self._tracks.values():
            companies.setdefault((self._family.pass_key(track), _solitude(track)), []).append(track)
        key = min(companies, key=lambda found: self._turns.get(found, 0))
        self._turn += 1
        self._turns = {found: self._turns.get(found, 0) for found in companies} | {key: self._turn}
        return key, sorted(companies[key], key=lambda track: not track.guided)

    def _advance(self, outcome: Outcome[torch.Tensor]) -> RenderFailed | None:
        """Take one track's own step with its prediction; the failure if it could not."""
        track, company = outcome.track, outcome.company
        doing = f"step {track.step + 1} of {track.steps}"
        if outcome.made is None:
            return self._failed(track.order, doing, outcome.error)
        started = time.perf_counter()
        try:
            timestep, sigma = track.schedule[track.step]
            self._family.advance(track, outcome.made)
        except Exception as error:
            return self._failed(track.order, doing, error)
        spent = outcome.seconds + time.perf_counter() - started
        guided = sum(member.guided for member in company)
        track.trace.append(StepTrace(timestep, sigma, len(company), outcome.row, guided))
        track.gpu_seconds += spent
        track.pass_seconds += spent * len(company)
        track.seconds["steps"] += spent
        if track.finished:
            del self._tracks[track.order.render_id]
            self._finished.append(track)
        return None

    def _decode(self) -> Iterator[FromEngine]:
        """Turn the latents of a few finished tracks of one shape into pixels."""
        tracks = self._next_decodes()
        for outcome in in_company(self._family.decode, tracks, self._family.device):
            track = outcome.track
            track.gpu_seconds += outcome.seconds
            track.seconds["decode"] = outcome.seconds
            if outcome.error is not None:
                yield self._failed(track.order, "decoding", outcome.error)
            elif outcome.made is None:
                yield self._failed(track.order, "decoding", None, "the output holds values that are not numbers (NaN)")
            else:
                yield self._deliver(track, outcome.made, len(outcome.company), outcome.row)

    def _next_decodes(self) -> list[Track]:
        """The oldest finished track and those of equal latents, as many as DECODE_PIXELS allow."""
        first = self._finished[0]
        order = first.order
        most = max(1, DECODE_PIXELS // (order.width * order.height * order.frames))
        kind = (first.latents.shape, _solitude(first))
        alike = [track for track in self._finished if (track.latents.shape, _solitude(track)) == kind][:most]
        chosen = {id(track) for track in alike}
        self._finished = deque(track for track in self._finished if id(track) not in chosen)
        return alike

    def _deliver(self, track: Track, pixels: Pixels, company: int, row: int) -> FromEngine:
        order = track.order
        path = self._spool / f"{order.render_id}-{order.attempt}.npy"
        latents = path.with_suffix(".safetensors") if track.parameters.keep_latents else None
        try:
            np.save(path, pixels, allow_pickle=False)
            if latents is not None:
                save_latents(self._family, track, latents)
        except (OSError, SafetensorError) as error:
            for left in filter(None, (path, latents)):
                left.unlink(missing_ok=True)
            return self._failed(order, "saving", None, f"the spool folder took no pixels: {error}", blame=False)
        self._batches.leave(order.render_id)
        return Rendered(
            render_id=order.render_id,
            attempt=order.attempt,
            pixels_path=str(path),
            gpu_seconds=track.gpu_seconds,
            trace=track.trace,
            decode_batch_size=company,
            decode_row=row,
            pass_seconds=track.pass_seconds / len(track.trace),
            seconds=track.seconds,
            latents_path=None if latents is None else str(latents),
        )

    def _failed(
        self,
        order: RenderOrder,
        doing: str,
        error: Exception | None,
        reason: str = "",
        *,
        blame: bool = True,
    ) -> RenderFailed:
        if error is not None and is_device_lost(error):
            raise DeviceLost(f"{type(error).__name__}: {error}") from error
        if error is not None:
            reason = f"{type(error).__name__}: {error}"
            if is_out_of_memory(error):
                reason = f"out of memory, though it was alone ({reason})"
        self._tracks.pop(order.render_id, None)
        self._batches.leave(order.render_id)
        # These quote what the user wrote; the user is told it, the log is not.
        trace = None if isinstance(error, ValueError | FarmError) else error
        log.warning("render failed", render=order.render_id, attempt=order.attempt, doing=doing, exc_info=trace)
        return RenderFailed(order.render_id, order.attempt, f"{doing}: {reason}"[:_REASON_CHARS], blame)


def _solitude(track: Track) -> str | None:
    """What keeps a deterministic render apart from all others, whichever batch they came with."""
    return track.order.render_id if track.parameters.deterministic else None


def _progress(track: Track, phase: Phase) -> RenderStep:
    return RenderStep(track.order.render_id, track.order.attempt, phase, track.step, track.steps)
