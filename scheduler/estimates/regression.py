"""A small linear regression: seconds = x · coefficients. Pure. `regression_learning` learns one measurement at a time.

Kept as a belief: a mean and a covariance of the coefficients, the prior from the catalog.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FIRST_NOISE = 0.3


@dataclass(frozen=True)
class Regression:
    """Coefficients, their covariance, the prior's widths, and the relative noise of one measurement."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    widths: tuple[float, ...]  # standard deviations of the coefficients before anything was learnt
    noise: float = FIRST_NOISE

    @classmethod
    def prior(cls, mean: Sequence[float], widths: Sequence[float]) -> "Regression":
        """Nothing learnt yet: coefficients around `mean`, independent, with these standard deviations."""
        rows = [
            [width**2 if row == column else 0.0 for column in range(len(widths))] for row, width in enumerate(widths)
        ]
        return cls(tuple(mean), tuple(map(tuple, rows)), tuple(widths))

    def predict(self, x: Sequence[float]) -> float:
        """Seconds for these features; never negative, as no coefficient is."""
        return sum(coefficient * value for coefficient, value in zip(self.mean, x, strict=True))

    def doubt(self, x: Sequence[float]) -> float:
        """Standard deviation of `predict` in seconds, from what the coefficients are not sure about."""
        square = sum(
            a * b * value for a, row in zip(x, self.covariance, strict=True) for b, value in zip(x, row, strict=True)
        )
        return math.sqrt(max(0.0, square))

    def rescaled(self, factor: float) -> "Regression":
        """All coefficients times `factor`, and as unsure as at the beginning: another machine, or another seed."""
        widths = tuple(width * factor for width in self.widths)
        return Regression.prior([coefficient * factor for coefficient in self.mean], widths)
