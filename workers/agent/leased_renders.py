"""What a worker holds right now: the renders it leased, and how far each has come."""

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from farm.lifecycle import Phase
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.leases.extend import Held


@dataclass
class LeasedRender:
    """One leased render."""

    render: ClaimedRender
    batch_id: str
    claimed_at: float = 0.0  # monotonic
    phase: Phase = Phase.CLAIMED
    reported_phase: Phase = Phase.CLAIMED  # what SQL says; progress has it sooner
    in_engine: bool = True
    step: int = 0
    steps: int = 0
    stepping_since: float | None = None  # monotonic; later by the time for which it was parked
    left_engine_at: float | None = None  # monotonic
    parked_since: float | None = None  # monotonic, while it is parked
    parked_before: float = 0.0  # seconds, of the times that are over
    saved_at: float | None = None  # monotonic: when its last checkpoint was ordered
    saved_gpu_seconds: float = 0.0  # of this attempt, up to its last checkpoint that is stored

    @property
    def seconds_left(self) -> float:
        """Until its last step, at the pace of those before; endless while nobody knows, 0 when they are done."""
        if self.phase == Phase.FINISHING:
            return 0.0
        if self.stepping_since is None or self.step == 0:
            return math.inf
        until = time.monotonic() if self.parked_since is None else self.parked_since
        return (self.steps - self.step) * (until - self.stepping_since) / self.step

    @property
    def passes_left(self) -> float:
        """Until its last step; endless while nobody knows."""
        if self.phase == Phase.FINISHING:
            return 0.0
        return self.steps - self.step if self.steps else math.inf

    @property
    def is_parked(self) -> bool:
        """Whether it was parked for something more urgent, and is still."""
        return self.parked_since is not None

    @property
    def parked_seconds(self) -> float:
        """For how long it has been parked in all."""
        now = 0.0 if self.parked_since is None else time.monotonic() - self.parked_since
        return self.parked_before + now

    @property
    def is_before_last_step(self) -> bool:
        """Whether it has one step or none before it."""
        return self.phase == Phase.FINISHING or (self.phase == Phase.STEPPING and self.steps - self.step <= 1)


class LeasedRenders:
    """The leased renders by id; safe to use from every thread of the worker."""

    def __init__(self) -> None:
        self._held: dict[str, LeasedRender] = {}
        self._changed = threading.Condition()
        self._moves = 0

    def take(self, batch_id: str, renders: Iterable[ClaimedRender], *, in_engine: bool = True) -> None:
        """These are leased now; not `in_engine`: for the time after what the engine renders now."""
        now = time.monotonic()
        with self._changed:
            for render in renders:
                self._held[render.id] = LeasedRender(render, batch_id, claimed_at=now, in_engine=in_engine)

    def enter_engine(self, renders: Iterable[ClaimedRender]) -> list[ClaimedRender]:
        """Those of these renders that are still held go into the engine."""
        entered: list[ClaimedRender] = []
        with self._changed:
            for render in renders:
                leased = self._held.get(render.id)
                if leased is not None and leased.render.attempt == render.attempt:
                    leased.in_engine = True
                    entered.append(render)
        return entered

    def step(self, render_id: str, attempt: int, phase: Phase, step: int, steps: int) -> LeasedRender | None:
        """A render has moved; None if it is not ours any more. Tell who waits with :meth:`moved` after the last."""
        with self._changed:
            leased = self._held.get(render_id)
            if leased is None or leased.render.attempt != attempt:
                return None
            if phase == Phase.STEPPING and leased.stepping_since is None:
                leased.stepping_since = time.monotonic()
            leased.phase, leased.step, leased.steps = phase, step, steps
            return leased

    def moved(self) -> None:
        """Wake who waits for a step."""
        with self._changed:
            self._notify()

    def park(self, render_ids: Iterable[str]) -> None:
        """These are parked from now on."""
        with self._changed:
            for leased in self._those(render_ids):
                leased.parked_since = leased.parked_since or time.monotonic()

    def resume(self, render_ids: Iterable[str]) -> None:
        """These go on; the time for which they were parked does not count as theirs."""
        with self._changed:
            for leased in self._those(render_ids):
                if leased.parked_since is None:
                    continue
                away, leased.parked_since = time.monotonic() - leased.parked_since, None
                leased.parked_before += away
                if leased.stepping_since is not None:
                    leased.stepping_since += away

    def phase_is(self, render_ids: Iterable[str], phase: Phase) -> list[LeasedRender]:
        """The engine says that these are in another phase, without having moved; those that are still held."""
        with self._changed:
            found = [leased for leased in self._those(render_ids) if leased.in_engine]
            for leased in found:
                leased.phase = phase
            return found

    def saved(self, render_id: str, attempt: int, gpu_seconds: float) -> None:
        """A checkpoint is stored, and so much of the device's time with it."""
        with self._changed:
            held = self._held.get(render_id)
            if held is not None and held.render.attempt == attempt:
                held.saved_gpu_seconds = gpu_seconds

    def to_save(self, seconds: float) -> list[str]:
        """Those in the engine whose last checkpoint, or else their first step, is so long ago; counted as saved."""
        now, due = time.monotonic(), list[str]()
        with self._changed:
            for leased in self._held.values():
                since = leased.saved_at or leased.stepping_since
                if leased.in_engine and leased.step and since is not None and now - since >= seconds:
                    leased.saved_at = now
                    due.append(leased.render.id)
        return due

    def get(self, render_id: str, attempt: int | None = None) -> LeasedRender | None:
        """The holding, if it is still ours (and, when given, still of this attempt)."""
        with self._changed:
            leased = self._held.get(render_id)
            if leased is None or (attempt is not None and leased.render.attempt != attempt):
                return None
            return leased

    def leave_engine(self, render_id: str) -> None:
        """The engine is through with it; it is held until it is stored and settled."""
        with self._changed:
            if leased := self._held.get(render_id):
                leased.in_engine = False
                leased.phase = Phase.FINISHING
                leased.left_engine_at = time.monotonic()
            self._notify()

    def let_go(self, render_ids: Iterable[str]) -> None:
        with self._changed:
            for render_id in render_ids:
                self._held.pop(render_id, None)
            self._notify()

    def let_go_of_attempts(self, attempts: Iterable[Held]) -> list[Held]:
        """Let go of those that are held for just this attempt; these. A newer one stays."""
        with self._changed:
            still = [one for one in attempts if self._is_held(one)]
            for one in still:
                del self._held[one.render_id]
            self._notify()
        return still

    def leases(self) -> list[Held]:
        with self._changed:
            return [Held(leased.render.id, leased.render.attempt) for leased in self._held.values()]

    def moved_since_last_asked(self) -> dict[Phase, list[Held]]:
        """Those whose phase is another than when this was last asked, by their phase now."""
        moved: dict[Phase, list[Held]] = {}
        with self._changed:
            for leased in self._held.values():
                if leased.reported_phase != leased.phase:
                    leased.reported_phase = leased.phase
                    moved.setdefault(leased.phase, []).append(Held(leased.render.id, leased.render.attempt))
        return moved

    def ahead(self) -> tuple[int, float]:
        """How many renders are held, and the GPU-seconds that they are estimated to need yet."""
        with self._changed:
            before = (held for held in self._held.values() if held.in_engine or held.phase == Phase.CLAIMED)
            left = (held.render.estimate * _still_to_do(held) for held in before)
            return len(self._held), sum(left)

    def in_engine(self) -> list[LeasedRender]:
        with self._changed:
            return [leased for leased in self._held.values() if leased.in_engine]

    def wait_moved(self, seen: int, timeout: float) -> int:
        """Wait until something has moved since `seen`, the number that this returned before."""
        with self._changed:
            self._changed.wait_for(lambda: self._moves != seen, timeout)
            return self._moves

    def _those(self, render_ids: Iterable[str]) -> list[LeasedRender]:
        return [leased for render_id in render_ids if (leased := self._held.get(render_id))]

    def _is_held(self, one: Held) -> bool:
        leased = self._held.get(one.render_id)
        return leased is not None and leased.render.attempt == one.attempt

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


def _still_to_do(leased: LeasedRender) -> float:
    """The share of its steps that a render has before it."""
    return 1.0 - leased.step / leased.steps if leased.steps else 1.0
