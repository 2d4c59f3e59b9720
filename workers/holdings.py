"""What a worker holds right now: the renders it leased, and how far each has come."""

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from farm.lifecycle import Phase
from scheduler.claims import ClaimedRender
from scheduler.leases import Held


@dataclass
class Holding:
    """One leased render."""

    render: ClaimedRender
    batch_id: str
    claimed_at: float = 0.0  # seconds since 1970
    phase: Phase = Phase.CLAIMED
    told_phase: Phase = Phase.CLAIMED  # what SQL says; progress has it sooner
    in_engine: bool = True
    step: int = 0
    steps: int = 0
    stepping_since: float | None = None  # monotonic

    @property
    def seconds_left(self) -> float:
        """Until its last step, at the pace of those before; endless while nobody knows, 0 when they are done."""
        if self.phase == Phase.FINISHING:
            return 0.0
        if self.stepping_since is None or self.step == 0:
            return math.inf
        return (self.steps - self.step) * (time.monotonic() - self.stepping_since) / self.step

    @property
    def is_before_last_step(self) -> bool:
        """Whether it has one step or none before it."""
        return self.phase == Phase.FINISHING or (self.phase == Phase.STEPPING and self.steps - self.step <= 1)


class Holdings:
    """The leased renders by id; safe to use from every thread of the worker."""

    def __init__(self) -> None:
        self._held: dict[str, Holding] = {}
        self._changed = threading.Condition()
        self._moves = 0

    def take(
        self, batch_id: str, renders: Iterable[ClaimedRender], *, claimed_at: float = 0.0, in_engine: bool = True
    ) -> None:
        """These are leased now; not `in_engine`: for the time after what the engine renders now."""
        with self._changed:
            for render in renders:
                self._held[render.id] = Holding(render, batch_id, claimed_at=claimed_at, in_engine=in_engine)

    def enter_engine(self, renders: Iterable[ClaimedRender]) -> list[ClaimedRender]:
        """Those of these renders that are still held go into the engine."""
        entered: list[ClaimedRender] = []
        with self._changed:
            for render in renders:
                holding = self._held.get(render.id)
                if holding is not None and holding.render.attempt == render.attempt:
                    holding.in_engine = True
                    entered.append(render)
        return entered

    def step(self, render_id: str, attempt: int, phase: Phase, step: int, steps: int) -> Holding | None:
        """A render has moved; None if it is not ours any more. Tell who waits with :meth:`moved` after the last."""
        with self._changed:
            holding = self._held.get(render_id)
            if holding is None or holding.render.attempt != attempt:
                return None
            if phase == Phase.STEPPING and holding.stepping_since is None:
                holding.stepping_since = time.monotonic()
            holding.phase, holding.step, holding.steps = phase, step, steps
            return holding

    def moved(self) -> None:
        """Wake who waits for a step."""
        with self._changed:
            self._notify()

    def get(self, render_id: str, attempt: int | None = None) -> Holding | None:
        """The holding, if it is still ours (and, when given, still of this attempt)."""
        with self._changed:
            holding = self._held.get(render_id)
            if holding is None or (attempt is not None and holding.render.attempt != attempt):
                return None
            return holding

    def leave_engine(self, render_id: str) -> None:
        """The engine is through with it; it is held until it is stored and settled."""
        with self._changed:
            if holding := self._held.get(render_id):
                holding.in_engine = False
                holding.phase = Phase.FINISHING
            self._notify()

    def let_go(self, render_ids: Iterable[str]) -> None:
        with self._changed:
            for render_id in render_ids:
                self._held.pop(render_id, None)
            self._notify()

    def leases(self) -> list[Held]:
        with self._changed:
            return [Held(holding.render.id, holding.render.attempt) for holding in self._held.values()]

    def moved_since_last_asked(self) -> dict[Phase, list[Held]]:
        """Those whose phase is another than when this was last asked, by their phase now."""
        moved: dict[Phase, list[Held]] = {}
        with self._changed:
            for holding in self._held.values():
                if holding.told_phase != holding.phase:
                    holding.told_phase = holding.phase
                    moved.setdefault(holding.phase, []).append(Held(holding.render.id, holding.render.attempt))
        return moved

    def ahead(self) -> tuple[int, float]:
        """How many renders are held, and the GPU-seconds that they are estimated to need yet."""
        with self._changed:
            before = (held for held in self._held.values() if held.in_engine or held.phase == Phase.CLAIMED)
            left = (held.render.estimate * _still_to_do(held) for held in before)
            return len(self._held), sum(left)

    def in_engine(self) -> list[Holding]:
        with self._changed:
            return [holding for holding in self._held.values() if holding.in_engine]

    def wait_moved(self, seen: int, timeout: float) -> int:
        """Wait until something has moved since `seen`, the number that this returned before."""
        with self._changed:
            self._changed.wait_for(lambda: self._moves != seen, timeout)
            return self._moves

    def _notify(self) -> None:
        self._moves += 1
        self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._held)

    def wait_below(self, count: int, timeout: float) -> bool:
        """Wait until fewer than `count` renders are held at all: stored and settled ones have gone."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._held) < count, timeout)


def _still_to_do(holding: Holding) -> float:
    """The share of its steps that a render has before it."""
    return 1.0 - holding.step / holding.steps if holding.steps else 1.0
