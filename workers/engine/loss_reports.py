"""When a training says how its losses go."""

import time
from collections.abc import Callable, Iterator

from farm.params.training.loss_curve import thinned
from workers.denoising.track import Track
from workers.protocol import Learnt
from workers.training.result import is_training

SECONDS = 2.0  # between two reports of a training: they are for eyes


class LossReports:
    """Each training is told of at most every SECONDS, and only of new losses."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}  # render id → when, and how many losses it had then

    def after_pass(self, track: Track) -> Iterator[Learnt]:
        """What to say after a pass of any track."""
        if not is_training(track):
            return
        now, count = self._clock(), len(track.sampler.losses)
        when, known = self._told.get(track.order.render_id, (-SECONDS, 0))
        if count > known and now - when >= SECONDS:
            self._told[track.order.render_id] = (now, count)
            yield Learnt(track.order.render_id, track.order.attempt, thinned(track.sampler.losses))

    def forget(self, render_id: str) -> None:
        self._told.pop(render_id, None)
