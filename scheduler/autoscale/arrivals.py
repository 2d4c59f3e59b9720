"""How much work comes in, without being fooled by one large job. Pure functions.

The rate of a minute in which somebody submits ten thousand renders says nothing about the next minute: those
renders are in the backlog, and to count them as a rate too would pay for them twice. So the flow is the median of
the rates in a few equal spans of time.
"""

from dataclasses import dataclass, replace
from statistics import median

#: Over so many spans the median is taken.
SPANS = 24


@dataclass(frozen=True)
class Arrivals:
    """GPU-seconds that came in, in spans of equal length; the last one is not over yet."""

    ended: tuple[float, ...] = ()  # GPU-seconds a second, in each of the last spans
    since: float | None = None  # when the present span began
    gpu_seconds: float = 0.0  # that came in since then
    seen_at: float | None = None

    def flow(self) -> float:
        """GPU-seconds a second that may be counted on; 0 while too little is known."""
        return median(self.ended) if len(self.ended) > SPANS // 2 else 0.0


def observe(arrivals: Arrivals, rate: float, now: float, span: float) -> Arrivals:
    """Work came in at `rate` (GPU-seconds a second) since the last look; a span lasts `span` seconds."""
    if arrivals.since is None or arrivals.seen_at is None:
        return Arrivals(since=now, seen_at=now)
    came = arrivals.gpu_seconds + rate * max(0.0, now - arrivals.seen_at)
    length = now - arrivals.since
    if length < span:
        return replace(arrivals, gpu_seconds=came, seen_at=now)
    return Arrivals(ended=(*arrivals.ended, came / length)[-SPANS:], since=now, seen_at=now)
