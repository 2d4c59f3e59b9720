"""How long a worker without work is kept. Pure functions.

Each worker of a pool (the first, the second, …) is needed, then not needed for a spell, then needed again. To keep
it through a spell costs the spell's length; to release it costs one start-up when it is needed again. Who keeps it
for exactly one start-up never pays more than twice what the best would (the rental of skis); who remembers the
spells does better: of all lengths that he could keep it for, he takes the one that would have cost least. The
first worker's spells say nothing about the fiftieth's, so they are remembered by ranks: 1, 2, 3–4, 5–8, …
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

#: So many spells of each rank are remembered, the newest.
REMEMBERED = 24
#: As many imagined spells, just shorter than a start-up, speak while little was seen.
PRIOR = 2


@dataclass(frozen=True)
class Needs:
    """For each number of workers the time when so many were needed last, and the spells that ended, by rank.

    `last` holds (workers, at): towards its end fewer workers and later times.
    """

    last: tuple[tuple[int, float], ...] = ()
    spells: dict[str, tuple[float, ...]] = field(default_factory=dict)  # rank (as JSON has it) → seconds


def observe(needs: Needs, need: int, now: float, shortest: float) -> Needs:
    """`need` workers are needed at `now`; what lasted `shortest` seconds or less was no spell."""
    ended: dict[str, tuple[float, ...]] = {}
    last = list(needs.last)
    lower = 0
    for workers, at in reversed(needs.last):  # the levels lower + 1 … workers were needed last at `at`
        if lower >= need:
            break
        if workers > lower and now - at > shortest:
            for rank in range(_rank(lower + 1), _rank(min(workers, need)) + 1):
                spells = ended.get(str(rank), needs.spells.get(str(rank), ()))
                ended[str(rank)] = (*spells, now - at)[-REMEMBERED:]
        lower = workers
    while last and last[-1][0] <= need:
        last.pop()
    return Needs(last=(*last, (need, now)), spells={**needs.spells, **ended})


def kept(needs: Needs, now: float, startup: float, patience: float | None = None) -> int:
    """How many workers are worth to be kept: each for `patience` seconds, none: as long as its rank teaches."""
    lower = [*(workers for workers, _ in needs.last[1:]), 0]
    for (workers, at), below in zip(needs.last, lower, strict=True):
        # The highest rank first: those of one mark were needed last at the same time, and differ in patience.
        for rank in range(_rank(workers), _rank(below + 1) - 1, -1) if workers else ():
            keep = best_patience(needs.spells.get(str(rank), ()), startup) if patience is None else patience
            if now - at <= keep:
                return min(workers, 1 << rank)
    return 0


def best_patience(spells: Sequence[float], startup: float) -> float:
    """For how many seconds to keep a worker, at most `startup`: what would have been cheapest in these spells."""
    seen = [*spells, *[startup * 0.99] * PRIOR]

    def cost(keep: float) -> float:
        return sum(spell if spell <= keep else keep + startup for spell in seen)

    return min(sorted({0.0, *(spell for spell in seen if spell <= startup)}), key=cost)


def _rank(worker: int) -> int:
    """0 for the first worker, 1 for the second, 2 for the third and fourth, 3 for the fifth to eighth, …"""
    return (worker - 1).bit_length()
