"""How long a worker without work is kept. Pure functions.

Each level (the first worker, the second, …) is needed, then not needed for a spell, then needed again. To keep the
worker through a spell costs its length; to release it costs one start-up when it is needed again. Who keeps for
exactly one start-up never pays more than twice the best (the rental of skis); who has seen the spells of this pool
does better: of all lengths that he could keep for, he takes the one that would have cost least.
"""

from dataclasses import dataclass, replace

#: So many spells are remembered, the newest.
REMEMBERED = 64
#: As many imagined spells speak for the start-up's length while little was seen.
PRIOR = 2


@dataclass(frozen=True)
class Needs:
    """For each number of workers the time when so many were needed last, and the spells that have ended.

    `last` holds (workers, at) with fewer workers and later times towards the end.
    """

    last: tuple[tuple[int, float], ...] = ()
    spells: tuple[tuple[float, int], ...] = ()  # seconds, levels


def observe(needs: Needs, need: int, now: float, shortest: float) -> Needs:
    """`need` workers are needed at `now`; what lasted less than `shortest` seconds was no spell."""
    last, ended = list(needs.last), []
    below = need
    while last and last[-1][0] <= need:
        workers, at = last.pop()
        lower = last_lower(needs.last, workers)
        if now - at > shortest and workers > lower:
            ended.append((now - at, workers - lower))
    if last and now - last[-1][1] > shortest and below > last_lower(needs.last, last[-1][0]):
        # The levels between the next lower mark and `need` come back too, those above stay without work.
        ended.append((now - last[-1][1], below - last_lower(needs.last, last[-1][0])))
    return replace(needs, last=(*last, (need, now)), spells=(*needs.spells, *ended)[-REMEMBERED:])


def last_lower(last: tuple[tuple[int, float], ...], workers: int) -> int:
    """The highest mark below `workers`: the levels above it have the mark's time."""
    return max((level for level, _ in last if level < workers), default=0)


def patience(needs: Needs, startup: float) -> float:
    """For how many seconds a worker without work is kept, at most `startup`: the cheapest for the spells seen."""
    candidates = {0.0, startup} | {length for length, _ in needs.spells if length < startup}

    def cost(keep: float) -> float:
        seen = sum(levels * (length if length <= keep else keep + startup) for length, levels in needs.spells)
        # Imagined ones as long as makes 'keep for one start-up' the best guess: they end just before it would.
        imagined = PRIOR * (startup * 0.99 if keep >= startup else keep + startup)
        return seen + imagined

    return min(sorted(candidates), key=cost)


def kept(needs: Needs, since: float) -> int:
    """The most workers that were needed at any time from `since` on."""
    return max((workers for workers, at in needs.last if at >= since), default=0)
