"""What a run says: waiting times, fairness, utilisation, batch fill, cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scheduler.simulate.traces.trace import CLASS_NAMES

#: What has a number for each render, or for each moment.
_LONG = frozenset({"started_after", "done_after", "samples"})

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """How it was at one moment; seconds since the beginning of the trace."""

    at: float
    waiting: int  # renders that were pending
    ready: int  # workers that could claim
    paid: int  # workers that cost money: starting and draining ones too
    busy: int


@dataclass(frozen=True)
class Result:
    """One policy on one trace and fleet. Lengths of time are virtual seconds, but for wall_seconds."""

    policy: str
    submitted: int
    done: int
    failed: int
    lost: int
    doubled: int
    seconds: float  # until the last render ended
    started_after: Mapping[str, Floats]  # by class: from the submission to the start of the attempt that counted
    done_after: Mapping[str, Floats]  # by class: from the submission to the end
    used: Mapping[str, float]  # by project: GPU-seconds, failed attempts too
    jain: float  # of GPU-seconds / weight over projects, while they had work waiting in the same class
    utilisation: float  # busy seconds / ready seconds of all workers
    fill: float  # renders of a claim / what a batch could hold
    claims: int
    gpu_hours: float  # of workers that cost money, start-up and draining too
    cost: float  # in the farm's currency
    workers: int  # that ever started
    crashes: int = 0
    stalls: int = 0
    preemptions: int = 0
    void: int = 0  # settlements of zombies, refused by the fence
    samples: Sequence[Sample] = field(default=(), repr=False)
    wall_seconds: float = 0.0
    peak_mb: float = 0.0

    def values(self) -> dict[str, object]:
        """All but the single renders and samples, with percentiles of both times, as JSON has it."""
        told: dict[str, object] = {name: value for name, value in vars(self).items() if name not in _LONG}
        for percent in (50, 95, 99):
            told[f"started_p{percent}"] = float(self.p(percent))
            told[f"done_p{percent}"] = float(self.done_p(percent))
        return told

    def waits(self, class_name: str | None = None) -> Floats:
        """Seconds until renders of a class (or of all) were started."""
        return _of(self.started_after, class_name)

    def p(self, percent: float, class_name: str | None = None) -> float:
        """A percentile of the waiting time in seconds: so many percent of the renders were started by then."""
        return _percentile(self.waits(class_name), percent)

    def done_p(self, percent: float, class_name: str | None = None) -> float:
        """A percentile of the time from the submission to the end."""
        return _percentile(_of(self.done_after, class_name), percent)


def jain(shares: Sequence[float]) -> float:
    """Jain's index: 1 when all have the same, 1/n when one has everything.

    R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination" (DEC-TR-301, 1984).
    """
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0


def _of(by_class: Mapping[str, Floats], class_name: str | None) -> Floats:
    if class_name is not None:
        return by_class[class_name]
    return np.concatenate([by_class[name] for name in CLASS_NAMES])


def _percentile(values: Floats, percent: float) -> float:
    return float(np.percentile(values, percent, method="inverted_cdf")) if len(values) else 0.0
