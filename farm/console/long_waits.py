"""Why a job that is watched waits: said once it has not run for a while, and again when the kind of cause changes."""

from __future__ import annotations

from contextlib import suppress

from farm.client import FarmClient, JobProgress
from farm.clock import Clock, steady_clock
from farm.console.session import clean, say
from farm.errors import FarmError

#: The live stream says something at least as often, so that a wait is seen although nothing happens.
_SECONDS = 10.0
#: Who watches hundreds of jobs asks of no more than one in so many seconds: news of all wait for the answer.
_APART = 1.0
#: Of these it goes on by itself in a moment.
_SOON = frozenset({"next", "running", "finished", "released"})


class LongWaits:
    """Looks at each news of the jobs that are watched."""

    def __init__(self, farm: FarmClient, clock: Clock = steady_clock) -> None:
        self._farm = farm
        self._clock = clock
        self._since: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._asked = -_APART

    def look(self, progress: JobProgress) -> None:
        """Say why the job waits if it has for long and that was not said; what the farm does not answer is not said."""
        job, now = progress.job, self._clock()
        if job.ended or job.running:
            self._since[job.id] = now
            self._said.pop(job.id, None)
            return
        if now - self._since.setdefault(job.id, now) < _SECONDS or now - self._asked < _APART:
            return
        self._since[job.id] = self._asked = now
        with suppress(FarmError):
            why = self._farm.why(job.id)
            if why.kind not in _SOON and why.kind != self._said.get(job.id):
                self._said[job.id] = why.kind
                say(f"job {clean(job.id)} waits: {clean(why.sentence)}")
