"""Which tracks share the next transformer pass, how many memory allows, and each track's own step with the result."""

import time
from collections import deque
from collections.abc import Collection, Hashable, Iterator, Sequence

from torch import Tensor

from workers.denoising.fault_isolation import Outcome, isolate_faults
from workers.denoising.out_of_memory import free_memory, is_out_of_memory
from workers.denoising.step_caches import position
from workers.denoising.track import Track
from workers.families.base import Family
from workers.protocol import MemoryFits, StepTrace
from workers.training.result import is_training
from workers.training.trainer import predict

#: More passes than an engine does between two reports.
_KEPT_TIMES = 10_000


class Passes:
    """Pass keys take turns. Remembers for each how many tracks fitted into memory."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._rows: dict[Hashable, int] = {}  # pass key → most tracks that memory allowed
        self._turns: dict[Hashable, int] = {}  # pass key → when it last had a pass
        self._turn = 0
        self._times: deque[tuple[int, float]] | None = None  # renders and wall seconds of each pass

    def keep_times(self) -> None:
        """Remember from now on how long passes took, until :meth:`take_times`."""
        self._times = deque(maxlen=_KEPT_TIMES)

    def take_times(self) -> list[tuple[int, float]]:
        """How many renders shared each pass since the last call, and its wall seconds; the newest, if nobody called."""
        taken = list(self._times or ())
        if self._times is not None:
            self._times.clear()
        return taken

    def run(self, tracks: Collection[Track], *, crowded: bool) -> Iterator[Outcome[Tensor] | MemoryFits]:
        """One pass for the pass key that waited longest: a prediction for each of its tracks, which stay as they are.

        crowded: something else uses memory just now, so that running out of it says nothing about the next pass.
        Raises DeviceLost.
        """
        key, batch = self._next_batch(tracks)
        limit = self._rows.get(key, len(batch))
        for begin in range(0, len(batch), limit):
            part = batch[begin : begin + limit]
            outcomes = isolate_faults(self._run, part, self._family.device)
            fitted = [len(outcome.batch) for outcome in outcomes if outcome.short_of_memory]
            if fitted and not crowded:  # ask for no more rows than this from now on
                self._rows[key] = max(fitted)
                order = part[0].order
                yield MemoryFits(order.width, order.height, order.frames, max(fitted))
            if self._times is not None:
                first = [outcome for outcome in outcomes if outcome.made is not None and outcome.row == 0]
                self._times.extend((len(outcome.batch), outcome.seconds * len(outcome.batch)) for outcome in first)
            yield from outcomes

    def _run(self, tracks: Sequence[Track]) -> list[Tensor]:
        if is_training(tracks[0]):  # which has its passes to itself, as it is deterministic
            return [predict(self._family, tracks[0])]
        return self._family.run_pass(tracks)

    def _next_batch(self, tracks: Collection[Track]) -> tuple[Hashable, list[Track]]:
        """All tracks of the pass key that was served longest ago.

        Guided ones first, then in the order they joined: a row's number and the number of guided rows then say
        where in the pass a track was, and on some machines the last bits depend on that. Of those with a step cache
        the ones that joined first go to their end before others of their key: a cache belongs to one batch.
        """
        batches: dict[Hashable, list[Track]] = {}
        for track in tracks:
            asked = track.parameters
            key = (self._family.pass_key(track), asked.loras, asked.step_cache, track.isolation_key)
            batches.setdefault(key, []).append(track)
        first = min(batches, key=lambda found: self._turns.get(found, 0))
        self._turn += 1
        self._turns = {found: self._turns.get(found, 0) for found in batches} | {first: self._turn}
        place = position(batches[first][0])
        batch = [track for track in batches[first] if position(track) == place]
        return first, sorted(batch, key=lambda track: not track.guided)


def take_step(family: Family, outcome: Outcome[Tensor], prediction: Tensor, *, look_ahead: bool) -> Tensor | None:
    """One track's own step with its prediction. With `look_ahead`, the latents that the end is expected to have."""
    track, batch = outcome.track, outcome.batch
    started = time.perf_counter()
    timestep, sigma = track.schedule[track.step]
    restore = track.remember()
    try:
        predicted = _advance(family, track, prediction, look_ahead)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        restore()  # the sampler may have changed half of what it remembers
        free_memory(family.device)
        predicted = _advance(family, track, prediction, look_ahead)
    spent = outcome.seconds + time.perf_counter() - started
    guided = sum(member.guided for member in batch)
    left_out = track.parameters.step_cache is not None and family.step_caches.left_out
    tokens = family.text_tokens(batch)
    track.trace.append(StepTrace(timestep, sigma, len(batch), outcome.row, guided, left_out, tokens))
    track.gpu_seconds += spent
    track.pass_seconds += spent * len(batch)
    track.seconds["steps"] += spent
    return predicted


def _advance(family: Family, track: Track, prediction: Tensor, look_ahead: bool) -> Tensor | None:
    predicted = family.estimate(track, prediction) if look_ahead else None
    family.advance(track, prediction)
    return predicted
