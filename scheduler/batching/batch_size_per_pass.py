"""How many renders of one shape share a batch: as many as pay, by the measured batch curve. Pure functions.

A point of the curve says how long one pass takes with so many rows; rows / seconds is the rate. Each doubling of a
batch makes its members wait longer for each other, so it has to raise the rate by `PAYS` to be worth it. Peers
measured 3.2 times the rate at 512² and 1.02 times at 1024², for the same model: no constant fits both.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

#: A batch twice as large must render this much more a second, as a share: 0.05 is 5 %.
PAYS = 0.05
#: A size counts as known after so many measured renders: one slow pass must not rule it out for ever.
ENOUGH = 4


@dataclass(frozen=True)
class CurvePoint:
    """One pass takes `pass_seconds` with `batch_size` rows (renders), the mean of `samples` measured renders."""

    batch_size: int
    pass_seconds: float
    samples: int = ENOUGH

    @property
    def rate(self) -> float:
        """Rows a second: passes of so many rows, one after the other."""
        return self.batch_size / self.pass_seconds


def batch_size(curve: Sequence[CurvePoint], *, most: int, waiting: int | None = None, pays: float = PAYS) -> int:
    """How many renders of a shape to take at once; at least 1, at most `most`.

    - Nothing is known: `most`, the operator's word.
    - Otherwise the size that pays best: rate / (1 + pays) ^ log2(size) is largest, of equals the smallest size.
    - When the power of two above it, or else the one below it, is not known yet (beyond all points, or measured
      fewer than ENOUGH times), that one is tried, so that it becomes known.
    - `waiting` is how many renders wait for this worker in all, whatever their shape, None for "more than these".
      If all of them fit into one batch that ends no later than smaller ones in a row would, they are taken at
      once: nobody is behind them whom that could delay.
    """
    if most <= 1:
        return 1
    known = _sorted(curve)
    if not known:
        return most
    chosen = _explored(known, _best(known, most, pays), most)
    if waiting is not None and chosen < waiting <= most and _delays_nobody(known, chosen, waiting):
        return waiting
    return chosen


def pass_seconds(curve: Sequence[CurvePoint], size: int) -> float | None:
    """Seconds of one pass with so many rows: measured, or on the line between its neighbours; None beyond them."""
    known = _sorted(curve)
    place = bisect_left(known, size, key=lambda point: point.batch_size)
    if place == len(known):
        return None
    right = known[place]
    if right.batch_size == size:
        return right.pass_seconds
    if place == 0:
        return None
    left = known[place - 1]
    part = (size - left.batch_size) / (right.batch_size - left.batch_size)
    return left.pass_seconds + part * (right.pass_seconds - left.pass_seconds)


def sizes(most: int) -> list[int]:
    """1, 2, 4, … and `most`."""
    powers = [1 << power for power in range(most.bit_length())]
    return powers if powers[-1] == most else [*powers, most]


def _best(known: Sequence[CurvePoint], most: int, pays: float) -> int:
    """The size, among those that are known, at which the next doubling stops to pay."""
    measured = [point.batch_size for point in known if point.batch_size <= most]
    candidates = sorted({*measured, *(size for size in sizes(most) if pass_seconds(known, size) is not None)})
    if not candidates:  # only batches that are larger than what is allowed now were measured
        return most
    return max(candidates, key=lambda size: (_worth(known, size, pays), -size))


def _worth(known: Sequence[CurvePoint], size: int, pays: float) -> float:
    seconds = pass_seconds(known, size)
    assert seconds is not None, "only known sizes are compared"
    return size / seconds / float((1 + pays) ** log2(size))


def _explored(known: Sequence[CurvePoint], best: int, most: int) -> int:
    above = min(most, 1 << best.bit_length())
    if above > best and not _is_sure(known, above):
        return above
    below = 1 << max(0, (best - 1).bit_length() - 1)
    if below < best and not _is_sure(known, below):
        return below
    return best


def _is_sure(known: Sequence[CurvePoint], size: int) -> bool:
    """Measured often enough, or between two sizes that were measured."""
    for point in known:
        if point.batch_size == size:
            return point.samples >= ENOUGH
    return pass_seconds(known, size) is not None


def _delays_nobody(known: Sequence[CurvePoint], chosen: int, waiting: int) -> bool:
    """Whether all of them in one pass take no longer than passes of the chosen size, one after the other."""
    together = pass_seconds(known, waiting)
    full, rest = divmod(waiting, chosen)
    parts = [pass_seconds(known, size) for size in (chosen,) * full + ((rest,) if rest else ())]
    if together is None or None in parts:
        return False
    return together <= sum(part for part in parts if part is not None)


def _sorted(curve: Sequence[CurvePoint]) -> list[CurvePoint]:
    return sorted((point for point in curve if point.pass_seconds > 0), key=lambda point: point.batch_size)
