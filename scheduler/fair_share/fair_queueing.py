"""Whose turn it is: start-time fair queueing over classes, and over flows within a class. Pure functions.

Every class of a lane, and every flow of a class, has a virtual time: the GPU-seconds it was charged, divided
by its share or weight. The smallest is served next, and charged when its renders are claimed. The time at which
one was served last is the time of the whole; a newcomer starts there, so that nobody saves up turns by being
idle or paused, and nobody waits behind what others were given before.

After: P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing" (SIGCOMM 1996), applied twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: The classes in their order, with the share of the GPU time that each gets while all of them have work.
CLASSES: dict[str, float] = {"urgent": 16.0, "normal": 4.0, "bulk": 1.0}
#: How far ahead of the head a flow may be served as backfill, in GPU-seconds divided by weight or share.
LAG_BOUND = 60.0
#: How far before the others a newcomer starts, in GPU-seconds divided by weight: less than any charge, so that nothing
#: is gained, but ahead of all who stand exactly there. 500 flows that take turns do.
_HEADSTART = 1e-6


@dataclass(frozen=True)
class ClassTime:
    """One class of a lane: its virtual time, and where it stood when it was served last."""

    name: str
    virtual_time: float = 0.0
    start: float = 0.0


@dataclass(frozen=True)
class FlowTime:
    """A flow that competes. `epoch` fences what a claim says about it later."""

    id: str
    class_name: str
    weight: float
    virtual_time: float
    epoch: int


@dataclass(frozen=True)
class Turn:
    """A flow in its place in the order, with the virtual time at which its class would be served."""

    flow: FlowTime
    class_start: float


def turns(flows: Iterable[FlowTime], classes: Iterable[ClassTime], shares: Mapping[str, float] = CLASSES) -> list[Turn]:
    """All flows in the order in which they are to be served: by the time of the class, then their own.

    A class that was idle starts where the lane is. Among equals the more urgent class is first, then the
    older flow. `shares`: the classes in their order.
    """
    known = {entry.name: entry for entry in classes}
    lane_start = max((entry.start for entry in known.values()), default=0.0)
    rank = {name: place for place, name in enumerate(shares)}

    def class_start(name: str) -> float:
        return max(known[name].virtual_time if name in known else 0.0, lane_start)

    return sorted(
        (Turn(flow, class_start(flow.class_name)) for flow in flows),
        key=lambda turn: (
            turn.class_start,
            rank.get(turn.flow.class_name, len(rank)),
            turn.flow.virtual_time,
            turn.flow.id,
        ),
    )


def backfill(head: Turn, others: Sequence[Turn]) -> list[Turn]:
    """Which of the other flows may fill a batch whose head is another's: those not too far ahead of their turn."""
    return [
        turn
        for turn in others
        if turn.class_start <= head.class_start + LAG_BOUND
        and (
            turn.flow.class_name != head.flow.class_name or turn.flow.virtual_time <= head.flow.virtual_time + LAG_BOUND
        )
    ]


def flow_charge(gpu_seconds: float, weight: float) -> float:
    """How far a flow of this weight moves for so many GPU-seconds (negative: a refund)."""
    return gpu_seconds / weight


def class_charge(gpu_seconds: float, name: str, shares: Mapping[str, float] = CLASSES) -> float:
    """How far a class moves for so many GPU-seconds; a class without a share counts as the smallest."""
    return gpu_seconds / share_of(name, shares)


def newcomer_start(virtual_time: float, served_last: float, poorest: float | None = None) -> float:
    """Where a flow that was idle starts: where its class was served last, unless it is ahead of that already.

    `poorest`: the smallest time of those that have work. Refunds may have put it behind the one served last, and the
    newcomer must not wait for it; but a flow that is held back for long, by a limit to what its project runs, must
    not pull newcomers back with it, so this goes no further than the lag bound.
    """
    level = served_last if poorest is None else max(min(served_last, poorest), served_last - LAG_BOUND)
    return max(virtual_time, level - _HEADSTART)


def class_time(virtual_time: float, charges: Iterable[tuple[float, float | None]], share: float) -> float:
    """Where a class stands after charges, in their order: GPU-seconds, and where it was served if it was.

    A class that was served further on than it stood had been idle: it moves there first, and never back. So two
    claims that saw the same idle class move it there once, not twice.
    """
    for gpu_seconds, class_start in charges:
        if class_start is not None:
            virtual_time = max(virtual_time, class_start)
        virtual_time += gpu_seconds / share
    return virtual_time


def share_of(name: str, shares: Mapping[str, float] = CLASSES) -> float:
    """The share of a class; one that has none counts as the smallest."""
    return shares.get(name, min(shares.values()))
