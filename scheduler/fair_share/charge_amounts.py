"""What a flow is charged, in GPU-seconds: the one place where an amount is worked out. Pure functions.

    claimed                 + max(estimate, LEAST_CHARGE), to the flow that it is claimed from
    settled, measured       + spent − what the claim charged: the true-up; spent may be more or less than the estimate
    settled, not measured     nothing: the estimate stands, for the render has used its turn
    handed back, lost       − what the claim charged, but for what was measured of its steps
    moved, kept, cancelled    nothing: what waits was not charged yet, and a claim that was cancelled keeps its charge
    used (quota, usage)     + spent, whatever the estimate was

A flow of weight w moves on by charge / w and its class of share s by charge / s (`scheduler.fair_share.fair_queueing`).
What `spent` costs in money and energy says `scheduler.accounting.prices`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

#: A render is charged at least this, in GPU-seconds: who asks for nothing would be served for ever.
LEAST_CHARGE = 0.001


def claim_cost(estimate: float) -> float:
    """What one render is charged when it is claimed, in GPU-seconds."""
    return max(estimate, LEAST_CHARGE)


def claim_costs(claimed: Iterable[tuple[str, float]]) -> dict[str, float]:
    """What each flow is charged for what was claimed from it: of pairs of a flow's id and a render's estimate."""
    costs: defaultdict[str, float] = defaultdict(float)
    for flow_id, estimate in claimed:
        costs[flow_id] += claim_cost(estimate)
    return costs


def settle_cost(estimate: float, gpu_seconds: float | None, *, keeps_estimate: bool) -> float:
    """What is still to be charged when a render leaves its worker, in GPU-seconds; negative is a refund.

    The real seconds replace the estimate. Where nobody measured them, the estimate stands if the render used
    its turn (`keeps_estimate`), and is given back if it did not.
    """
    if gpu_seconds is None:
        return 0.0 if keeps_estimate else -claim_cost(estimate)
    return spent_seconds(gpu_seconds) - claim_cost(estimate)


def spent_seconds(gpu_seconds: float) -> float:
    """What a worker says that it measured, as it counts: never less than nothing."""
    return max(gpu_seconds, 0.0)


@dataclass
class Adjustment:
    """What one flow is still charged when renders of it left their worker: the sum of their settle costs."""

    gpu_seconds: float = 0.0  # besides what was charged at the claim; negative: given back
    spent: float = 0.0  # GPU-seconds that really passed
    renders: int = 0  # that ended

    def add(
        self, estimate: float, gpu_seconds: float | None, *, keeps_estimate: bool = False, ended: bool = False
    ) -> None:
        """One more render, as :func:`settle_cost` says."""
        self.gpu_seconds += settle_cost(estimate, gpu_seconds, keeps_estimate=keeps_estimate)
        self.spent += spent_seconds(gpu_seconds or 0.0)
        self.renders += ended
