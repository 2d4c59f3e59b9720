"""What a worker holds right now: the renders it leased, and how far each has come."""

import threading
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
    phase: Phase = Phase.CLAIMED
    told_phase: Phase = Phase.CLAIMED  # what SQL says; progress has it sooner
    in_engine: bool = True
    step: int = 0
    steps: int = 0


class Holdings:
    """The leased renders by id; safe to use from every thread of the worker."""

    def __init__(self) -> None:
        self._held: dict[str, Holding] = {}
        self._changed = threading.Condition()

    def take(self, batch_id: str, renders: Iterable[ClaimedRender]) -> None:
        with self._changed:
            for render in renders:
                self._held[render.id] = Holding(render, batch_id)

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
            self._changed.notify_all()

    def let_go(self, render_ids: Iterable[str]) -> None:
        with self._changed:
            for render_id in render_ids:
                self._held.pop(render_id, None)
            self._changed.notify_all()

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
            left = (held.render.estimate * _still_to_do(held) for held in self._held.values() if held.in_engine)
            return len(self._held), sum(left)

    def in_engine(self) -> list[Holding]:
        with self._changed:
            return [holding for holding in self._held.values() if holding.in_engine]

    def __len__(self) -> int:
        with self._changed:
            return len(self._held)

    def wait_engine_below(self, count: int, timeout: float) -> bool:
        """Wait until fewer than `count` renders are in the engine."""
        with self._changed:
            return self._changed.wait_for(
                lambda: sum(holding.in_engine for holding in self._held.values()) < count, timeout
            )

    def wait_below(self, count: int, timeout: float) -> bool:
        """Wait until fewer than `count` renders are held at all: stored and settled ones have gone."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._held) < count, timeout)


def _still_to_do(holding: Holding) -> float:
    """The share of its steps that a render has before it."""
    return 1.0 - holding.step / holding.steps if holding.steps else 1.0
