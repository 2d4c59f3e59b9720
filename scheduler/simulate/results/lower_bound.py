"""A clairvoyant lower bound for the cost of a trace: nobody who must start workers in whole minutes can be cheaper.

It knows the trace, renders only full batches, loses nothing between two batches, and asks for each worker just in
time. It pays the start-up of every worker, and must have served by the end of each slot all that arrived before then
less W (`within`).

Capacity is a whole number of workers c_k in each slot k of `slot_seconds`. With A(t) the GPU-seconds (at full batches)
that have arrived by t, and t_k the end of slot k:

    served_k = min(A(t_k), served_{k-1} + slot · c_k)         nobody serves what is not there; what came in the slot is
    served_k ≥ A(t_k − W)                                     taken as if it had come at its beginning
    cost     = price · Σ (slot · c_k + startup · max(0, c_k − c_{k-1}))          c_{-1} = 0

Dynamic programming, slot by slot, over the state (c_k, backlog_k = A(t_k) − served_k), which is all that the future
depends on: cheapest[c', b'] = min over c, b that lead to b' of cheapest[c, b] + startup · max(0, c' − c) + slot · c'.
The minimum over c is two running minima (one over c ≥ c', one over c ≤ c'), so a slot costs O(C · B) for C workers
and B units of backlog, and all of it O(K · C · B) for K slots. GPU-seconds are counted in units of `slot / grain`:
what has arrived is rounded up and what must be served down, so rounding can only lower the bound; in whole units
it is exact (`tests/scheduler/simulate/results/test_lower_bound.py` compares it with all curves there are).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SLOT_SECONDS = 60.0
GRAIN = 60

Costs = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Work:
    """GPU-seconds, at full batches, that arrive at a moment (seconds since the beginning)."""

    at: float
    gpu_seconds: float


@dataclass(frozen=True)
class Bound:
    """The cheapest capacity curve: workers in each slot, and what it costs."""

    workers: Sequence[int]
    worker_seconds: float  # paid, start-up too
    cost: float
    within: float


@dataclass(frozen=True)
class _Slots:
    """The trace in whole units: what arrives in each slot, and how much may be left at its end."""

    arriving: Sequence[int]
    allowed: Sequence[int]
    grain: int  # units that a worker serves in a slot
    startup: float  # in slots
    most: int  # workers that are ever of use


def cheapest(
    work: Sequence[Work],
    within: float,
    *,
    startup_seconds: float,
    price_per_hour: float,
    slot_seconds: float = SLOT_SECONDS,
    grain: int = GRAIN,
) -> Bound:
    """The cheapest capacity curve that serves everything `within` so many seconds of its arrival."""
    slots = _slots(work, within, startup_seconds / slot_seconds, slot_seconds, grain)
    curve = _trace_back(slots)
    started = sum(max(0, after - before) for before, after in zip([0, *curve], curve, strict=False))
    worker_seconds = sum(curve) * slot_seconds + started * startup_seconds
    return Bound(curve, worker_seconds, worker_seconds / 3600 * price_per_hour, within)


def _slots(work: Sequence[Work], within: float, startup: float, slot: float, grain: int) -> _Slots:
    ordered = sorted(work, key=lambda item: item.at)
    times = np.array([item.at for item in ordered])
    sums = np.concatenate([[0.0], np.cumsum([item.gpu_seconds for item in ordered])])
    count = max(1, math.ceil((times[-1] + within) / slot + 1e-9)) if len(times) else 0
    ends = np.arange(1, count + 1) * slot
    unit = slot / grain
    # What arrives at the very end of a slot belongs to the next one; a hair against the rounding of floats.
    arrived = np.ceil(sums[np.searchsorted(times, ends, side="left")] / unit - 1e-6).astype(int)
    due = np.floor(sums[np.searchsorted(times, ends - within, side="left")] / unit + 1e-6).astype(int)
    if count:
        due[-1] = arrived[-1]  # nothing is left at the end
    arriving = np.diff(arrived, prepend=0)
    allowed = arrived - due
    before = np.concatenate([[0], allowed[:-1]])
    most = max(1, math.ceil(float((before + arriving).max()) / grain)) if count else 0
    return _Slots(arriving.tolist(), allowed.tolist(), grain, startup, most)


def _step(slots: _Slots, place: int, before: Costs) -> Costs:
    """cheapest[c, b] after the slot `place`, from that before it."""
    workers = np.arange(slots.most + 1)[:, None] * slots.startup
    fewer = np.minimum.accumulate(before[::-1], axis=0)[::-1]  # from c ≥ c': nothing is started
    more = np.minimum.accumulate(before - workers, axis=0) + workers  # from c ≤ c': the others are started
    best = np.minimum(fewer, more)
    width = slots.allowed[place] + 1
    after = np.full((slots.most + 1, width), np.inf)
    for count in range(slots.most + 1):
        served = slots.grain * count - slots.arriving[place]  # net; the backlog shrinks by it, to 0 at the least
        row = best[count]
        if served >= 0:
            after[count, 0] = row[: served + 1].min() if served + 1 > 0 else np.inf
            rest = row[served + 1 : served + width]
            after[count, 1 : 1 + len(rest)] = rest
        else:
            grown = row[: max(0, width + served)]
            after[count, -served : -served + len(grown)] = grown
        after[count] += count
    return after


def _beginning(slots: _Slots) -> Costs:
    """No worker, no backlog, no cost."""
    start = np.full((slots.most + 1, 1), np.inf)
    start[0, 0] = 0.0
    return start


def _trace_back(slots: _Slots) -> list[int]:
    """The capacity of each slot. Only every √K-th table is kept; those between are worked out again on the way back."""
    count = len(slots.arriving)
    stride = max(1, math.isqrt(count))
    kept = {0: _beginning(slots)}
    table = kept[0]
    for place in range(count):
        table = _step(slots, place, table)
        if (place + 1) % stride == 0:
            kept[place + 1] = table
    curve: list[int] = []
    state: tuple[int, int] | None = None
    for place, before, after in _backwards(slots, kept, stride, count):
        if state is None:
            best = np.unravel_index(int(np.argmin(after)), after.shape)
            state = int(best[0]), int(best[1])
        curve.append(state[0])
        state = _came_from(slots, place, before, state)
    return curve[::-1]


def _backwards(slots: _Slots, kept: dict[int, Costs], stride: int, count: int) -> Iterator[tuple[int, Costs, Costs]]:
    """(slot, table before it, table after it), the last slot first."""
    for start in range((count - 1) // stride * stride, -1, -stride):
        tables = [kept[start]]
        for place in range(start, min(start + stride, count)):
            tables.append(_step(slots, place, tables[-1]))
        for place in range(min(start + stride, count) - 1, start - 1, -1):
            yield place, tables[place - start], tables[place - start + 1]


def _came_from(slots: _Slots, place: int, before: Costs, state: tuple[int, int]) -> tuple[int, int]:
    """The cheapest state before the slot that leads to this one after it."""
    count, backlog = state
    served = slots.grain * count - slots.arriving[place]
    first, last = (0, max(served, -1)) if backlog == 0 else (backlog + served, backlog + served)
    first = max(first, 0)
    columns = before[:, first : last + 1]
    started = np.maximum(0, count - np.arange(slots.most + 1))[:, None] * slots.startup
    best = np.unravel_index(int(np.argmin(columns + started)), columns.shape)
    return int(best[0]), first + int(best[1])
