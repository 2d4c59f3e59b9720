"""Whether what renders now is parked for something more urgent. Pure: it is told what is, and decides.

Between two steps a render can be parked: it keeps its place and its lease, takes part in no pass, and goes on later
with the same bits. That costs it time, so it is done where it gains the urgent one time: where it could not share the
passes, or where passes that are shared take much longer than its own would. A GPU that is not full hardly notices one
more row; a processor, or a GPU with a 4K picture, takes twice as long for two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: A pass that is shared may take so many times as long as one without those that run, before it counts as slow.
SLOW = 1.5
#: Who has no more passes than this before it ends sooner than parking it would help anybody.
FEW_PASSES = 1.0


@dataclass(frozen=True)
class Running:
    """A render that is in the engine, not finished and not parked."""

    id: str
    class_name: str
    passes_left: float  # until its last step; endless while nobody knows
    parked_seconds: float  # for how long it has been parked so far


@dataclass(frozen=True)
class Urgent:
    """What waits: its class, and what it would find if it shared the passes of those that run.

    `may_join`: it has their batch key, and there is a slot. `shared_seconds`, `own_seconds`: of one pass with those
    that run, and without them; None while nobody has measured it.
    """

    class_name: str
    may_join: bool
    shared_seconds: float | None = None
    own_seconds: float | None = None

    @property
    def would_be_slow(self) -> bool:
        """Whether sharing their passes costs it much. What nobody has measured is tried, so that it is."""
        if self.shared_seconds is None:
            return False
        return self.own_seconds is None or self.shared_seconds > SLOW * self.own_seconds


@dataclass(frozen=True)
class Limits:
    """How many renders may be parked at once (settings max_parked), and each for how long in all (parked_seconds)."""

    max_parked: int
    parked_seconds: float


def whom_to_park(
    running: Sequence[Running], urgent: Urgent, *, parked: int, limits: Limits, shares: Mapping[str, float]
) -> list[str]:
    """The ids of those to park now; none if the urgent one should join them or wait. `parked`: how many are.

    Only those of a lower class, and not those that have been parked for as long as they may. Those are parked first
    that have the most before them. `shares`: the classes, the most urgent first.
    """
    lower = [render for render in running if is_lower(render.class_name, urgent.class_name, shares)]
    if not any(render.passes_left > FEW_PASSES for render in lower):
        return []
    if urgent.may_join and not urgent.would_be_slow:
        return []
    may = [render for render in lower if render.parked_seconds < limits.parked_seconds]
    may.sort(key=lambda render: -render.passes_left)
    return [render.id for render in may[: max(0, limits.max_parked - parked)]]


def no_lower_than(class_name: str, shares: Mapping[str, float]) -> frozenset[str]:
    """This class and those that are more urgent."""
    return frozenset(name for name in shares if not is_lower(name, class_name, shares))


def is_lower(class_name: str, than: str, shares: Mapping[str, float]) -> bool:
    """Whether a class is less urgent than another; one that the farm does not know is less urgent than all."""
    return rank(class_name, shares) > rank(than, shares)


def rank(class_name: str, shares: Mapping[str, float]) -> int:
    """The place of a class: 0 is the most urgent."""
    return list(shares).index(class_name) if class_name in shares else len(shares)
