"""The bridge: threads that pop, have the farm render, and hand back. What it holds it finishes, or says why not."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from farm.client import FarmClient, Model
from farm.clock import Clock, steady_clock
from farm.errors import FarmError
from farm.horde.backoff import away_pause, idle_pause
from farm.horde.connection import Horde, HordeRefused
from farm.horde.offers import served
from farm.horde.outcomes import faulted
from farm.horde.protocol import Offering, Popped, Report, State
from farm.horde.rendering import Rendering, Terms

_POOLS_FRESH_SECONDS = 15.0
_STOPPED = "the worker is being stopped"


@dataclass
class Tally:
    """How many pictures were handed back, by how they ended."""

    counts: dict[State, int]

    def __str__(self) -> str:
        return ", ".join(f"{self.counts[state]} {state.value}" for state in State)


class Bridge:
    """Serves a Horde with a farm until it is stopped. `say` takes remarks for the operator, from any thread."""

    def __init__(
        self,
        farm: FarmClient,
        horde: Horde,
        offering: Offering,
        offers: Mapping[str, str],
        models: Mapping[str, Model],
        terms: Terms,
        say: Callable[[str], None],
        clock: Clock = steady_clock,
    ) -> None:
        self._farm = farm
        self._horde = horde
        self._offering = offering
        self._offers = offers
        self._rendering = Rendering(farm, offers, models, terms, say, clock)
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()  # of what is held; the farm is never asked under it
        self._asking = threading.Lock()
        self._stop = threading.Event()
        self._held: dict[str, Popped] = {}
        self._given_up = False
        self._served: tuple[float, list[str]] | None = None
        self._said: set[str] = set()
        self._threads = [
            threading.Thread(target=self._serve, name=f"horde-{number}", daemon=True)
            for number in range(offering.threads)
        ]
        #: What ended the bridge, if it did not end because it was told to.
        self.error: BaseException | None = None
        self.tally = Tally(dict.fromkeys(State, 0))

    def start(self) -> None:
        """Begin to pop."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Pop nothing more; what is held is finished."""
        self._stop.set()

    def give_up(self) -> None:
        """Hand back all that is held as faulted, and cancel it at the farm."""
        self.stop()
        with self._lock:
            self._given_up = True
            held = list(self._held.values())
        for popped in held:
            self._return(popped)
            self._rendering.cancel(popped)

    def ended(self, seconds: float) -> bool:
        """Whether all threads have ended; waits for it so long, at most."""
        until = self._clock() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - self._clock()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def held(self) -> int:
        """How many jobs of the Horde are here."""
        return len(self._held)

    def _serve(self) -> None:
        """One thread: a job at a time."""
        empty = failures = 0
        try:
            while not self._stop.is_set():
                try:
                    worked = self._turn()
                except HordeRefused:
                    raise
                except FarmError as error:
                    failures += 1
                    self._say(f"{error} Asking again later.")
                    retry_after = getattr(error, "retry_after", None)
                    self._stop.wait(away_pause(failures, retry_after, random.random()))  # noqa: S311  no secret
                    continue
                failures, empty = 0, 0 if worked else empty + 1
                if not worked:
                    self._stop.wait(idle_pause(empty))
        except BaseException as error:
            self.error = self.error or error
            self._stop.set()

    def _turn(self) -> bool:
        """One pop, and what follows from it. False: there was nothing to do. Raises FarmError, also the Horde's."""
        names = self._names()
        if not names:
            self._say_once("No pool renders what is offered: the Horde is asked for nothing meanwhile.")
            return False
        popped = self._horde.pop(self._offering, names)
        for message in popped.messages or []:
            self._say_once(f"The Horde tells: {message.message}")
        if not popped.picture_ids:
            skipped = ", ".join(sorted(name for name, many in (popped.skipped or {}).items() if many))
            if skipped:
                self._say_once(f"The Horde has jobs, but none for this worker: it left some out for {skipped}.")
            return False
        with self._lock:
            self._held[popped.picture_ids[0]] = popped
            given_up = self._given_up
        if given_up:  # the answer came after all else was handed back
            self._return(popped)
        else:
            self._hand_back(popped, self._rendering.outcome(popped))
        return True

    def _return(self, popped: Popped) -> None:
        """Hand a job back unrendered."""
        self._hand_back(popped, [(report, None) for report in faulted(popped.picture_ids, [_STOPPED])])

    def _hand_back(self, popped: Popped, results: list[tuple[Report, bytes | None]]) -> None:
        """Once for each job, whoever comes first."""
        with self._lock:
            if self._held.pop(popped.picture_ids[0], None) is None:
                return
        for place, (report, picture) in enumerate(results):
            try:
                self._horde.hand_back(report, picture, popped.upload_link(place))
            except FarmError as error:
                self._say(f"{report.picture_id} could not be handed back: {error}")
                continue
            with self._lock:
                self.tally.counts[report.state] += 1
            why = f": {'; '.join(report.remarks)}" if report.state is State.FAULTED else ""
            self._say(f"{report.picture_id} {report.state.value}{why}")

    def _names(self) -> list[str]:
        """What is offered now. Raises FarmError when the farm does not say."""
        with self._asking:
            if self._served is None or self._clock() - self._served[0] > _POOLS_FRESH_SECONDS:
                self._served = (self._clock(), served(self._offers, self._farm.pools()))
            return self._served[1]

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)
