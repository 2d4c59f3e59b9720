"""When a job or a render starts and is done: a fluid model of the fair share. Pure; an approximation that says so.

Work is taken for a liquid: the classes of a lane that have some share its workers by their shares, the flows
of a class by their weights, until one runs dry and the others get more. What runs now is finished first. Workers that
are starting add their speed when they are ready. It is assumed that nobody submits anything more, and that no worker
comes or goes that is not known of: then the ranges hold (tests/benchmarks/estimates.py measures how often).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scheduler.estimates.pool_times import Range

#: Further ahead than this, in seconds, a forecast says nothing: ten years.
HORIZON = 3.2e8
#: A flow counts as served from so little left, in GPU-seconds.
_NOTHING = 1e-9
NONE = Range(0.0, 0.0, 0.0)
SURE = Range(1.0, 1.0, 1.0)


@dataclass(frozen=True)
class FlowWork:
    """What a flow has waiting, in GPU-seconds."""

    flow_id: str
    class_name: str
    weight: float
    gpu_seconds: float

    def times(self, factor: float) -> "FlowWork":
        """The same flow with its work multiplied."""
        return replace(self, gpu_seconds=self.gpu_seconds * factor)


@dataclass(frozen=True)
class Workers:
    """Workers that become ready `after` seconds (0: they are), each with this speed."""

    count: int
    speed: Range  # GPU-seconds that one of them renders in a second
    after: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """The work whose end is asked for: its flow, what is before it there, and itself."""

    flow_id: str
    before: float  # GPU-seconds in its own flow that come first
    own: float  # GPU-seconds that it waits with itself; 0: all of it runs
    last_batch: float = 0.0  # GPU-seconds of its last batch: served at once, not in slices
    turnaround: Range = NONE  # seconds from the claim of a batch to its settle
    work: Range = SURE  # by what factor estimates may be off, from the low to the high
    not_before: float = 0.0  # seconds until it may start
    runs: bool = False  # some of it runs already


@dataclass(frozen=True)
class Forecast:
    """Seconds from now; None: it has started already, or nobody can say."""

    starts_in: Range | None
    done_in: Range | None


def forecast(
    wanted: Wanted,
    flows: Sequence[FlowWork],
    running: float,
    workers: Sequence[Workers],
    shares: Mapping[str, float],
    *,
    idle: bool,
) -> Forecast | None:
    """When it starts and ends, if all goes on as it is. None: no worker is there or comes.

    `running`: GPU-seconds left of what runs now. `idle`: some worker has nothing to do.
    """
    if not any(group.count > 0 for group in workers):
        return None
    low, likely, high = (
        _once(wanted, flows, 0.0 if idle else running, workers, shares, which) for which in ("low", "likely", "high")
    )
    starts = Range(min(low[0], likely[0]), likely[0], max(high[0], likely[0]))
    done = Range(min(low[1], likely[1]), likely[1], max(high[1], likely[1]))
    return Forecast(None if wanted.runs else starts, done)


def ahead(wanted: Wanted, flows: Sequence[FlowWork], shares: Mapping[str, float]) -> float:
    """GPU-seconds of waiting work that will be served before the wanted work begins, by the fair order."""
    mine = next((flow for flow in flows if flow.flow_id == wanted.flow_id), None)
    others = [flow for flow in flows if flow.flow_id != wanted.flow_id]
    class_name, weight = (mine.class_name, mine.weight) if mine else ("", 1.0)
    return _served_before(wanted.before, FlowWork(wanted.flow_id, class_name, weight, 0.0), others, shares)


def _once(
    wanted: Wanted,
    flows: Sequence[FlowWork],
    running: float,
    workers: Sequence[Workers],
    shares: Mapping[str, float],
    which: str,
) -> tuple[float, float]:
    """Start and end in one of the three cases: less work and fast workers, the likely, more work and slow ones."""
    factor: float = getattr(wanted.work, which)
    # In the best case a worker is free at once.
    first = running * factor if which != "low" or wanted.before > 0 else 0.0
    fast = {"low": "high", "likely": "likely", "high": "low"}[which]
    speeds = sorted((group.after, group.count * getattr(group.speed, fast)) for group in workers)
    others = [flow.times(factor) for flow in flows if flow.flow_id != wanted.flow_id]
    mine = next((flow for flow in flows if flow.flow_id == wanted.flow_id), None)
    class_name, weight = (mine.class_name, mine.weight) if mine else ("", 1.0)

    def reached(gpu_seconds: float) -> float:
        """Seconds until its flow has been served so much."""
        total = first + _served_before(
            gpu_seconds * factor, FlowWork(wanted.flow_id, class_name, weight, 0.0), others, shares
        )
        return _duration(total, speeds)

    start = max(reached(wanted.before), wanted.not_before)
    turnaround: float = getattr(wanted.turnaround, which)
    end = max(
        reached(wanted.before + wanted.own),
        reached(max(wanted.before + wanted.own - wanted.last_batch, 0)) + turnaround,
    )
    return start, max(end, wanted.not_before + turnaround)


def _served_before(target: float, mine: FlowWork, others: Sequence[FlowWork], shares: Mapping[str, float]) -> float:
    """GPU-seconds that all flows together are served until `mine` has got `target`: slices by shares and weights."""
    if target <= _NOTHING:
        return 0.0
    left = {flow.flow_id: flow.gpu_seconds for flow in others if flow.gpu_seconds > _NOTHING}
    known = {flow.flow_id: flow for flow in others} | {mine.flow_id: mine}
    left[mine.flow_id] = target
    served = 0.0
    while True:
        rates = _rates([known[flow_id] for flow_id in left], shares)
        slice_ = min(left[flow_id] / rates[flow_id] for flow_id in left)
        served += slice_
        if slice_ * rates[mine.flow_id] >= left[mine.flow_id] - _NOTHING:
            return served
        left = {
            flow_id: rest
            for flow_id, value in left.items()
            if (rest := value - slice_ * rates[flow_id]) > _NOTHING or flow_id == mine.flow_id
        }


def _rates(flows: Sequence[FlowWork], shares: Mapping[str, float]) -> dict[str, float]:
    """Which part of each GPU-second every flow gets while all of these have work; the parts add up to 1."""
    least = min(shares.values(), default=1.0)
    weights: dict[str, float] = {}
    for flow in flows:
        weights[flow.class_name] = weights.get(flow.class_name, 0.0) + flow.weight
    whole = sum(shares.get(name, least) for name in weights)
    return {
        flow.flow_id: shares.get(flow.class_name, least) / whole * flow.weight / weights[flow.class_name]
        for flow in flows
    }


def _duration(gpu_seconds: float, speeds: Sequence[tuple[float, float]]) -> float:
    """Seconds until workers that start at these times with these speeds have rendered so much."""
    speed, at = 0.0, 0.0
    if gpu_seconds <= 0:
        return max(0.0, speeds[0][0])
    for after, more in speeds:
        if speed > 0 and at + gpu_seconds / speed <= after:
            break
        gpu_seconds -= speed * (after - at)
        speed, at = speed + more, max(at, after)
    return min(at + gpu_seconds / speed, HORIZON) if speed > 0 else HORIZON
