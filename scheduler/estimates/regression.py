"""A small linear regression that learns one measurement at a time: seconds = x · coefficients. Pure.

Recursive least squares in Bayes' form: a mean and a covariance of the coefficients, the prior from the catalog.
Three things are added, because what is measured are machines:

- noise is relative: a measurement y is worth as much as `noise` × the prediction says, so that a clip of an
  hour does not drown pictures of a tenth of a second;
- it forgets: each step keeps MEMORY of what is known and mixes the prior's width back in, so that it goes on learning,
  and never believes itself surer than the last few hundred renders make it;
- it doubts: what lies more than DOUBT standard deviations off counts less the further off it is (Huber's
  weight), so that a machine that stalled once moves little.

Where nearly all of what was seen lately lies off by the same factor, these are no outliers but another machine:
`rescaled` multiplies all coefficients and opens the covariance again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MEMORY = 0.995
DOUBT = 2.5
#: The share by which the noise moves to each new measurement, and its bounds (relative).
NOISE_STEP = 0.05
LEAST_NOISE = 0.02
MOST_NOISE = 1.0
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
        return cls(tuple(mean), _rows(np.diag(np.square(widths))), tuple(widths))

    def predict(self, x: Sequence[float]) -> float:
        """Seconds for these features; never negative, as no coefficient is."""
        return sum(coefficient * value for coefficient, value in zip(self.mean, x, strict=True))

    def doubt(self, x: Sequence[float]) -> float:
        """Standard deviation of `predict` in seconds, from what the coefficients are not sure about."""
        square = sum(
            a * b * value for a, row in zip(x, self.covariance, strict=True) for b, value in zip(x, row, strict=True)
        )
        return math.sqrt(max(0.0, square))

    def learn(self, x: Sequence[float], seconds: float, *, trusting: bool = False) -> "Regression":
        """After one measurement. `trusting`: an outlier counts in full, while the mean is no more than a guess."""
        features = np.asarray(x, dtype=float)
        mean, covariance = np.asarray(self.mean), self._forgotten()
        predicted = max(self.predict(x), 1e-9)
        noise = (self.noise * predicted) ** 2
        surprise = seconds - predicted
        spread = float(features @ covariance @ features)
        score = abs(surprise) / math.sqrt(spread + noise)
        if not trusting and score > DOUBT:
            noise *= score / DOUBT
            surprise *= math.sqrt(DOUBT / score)
        gain = covariance @ features / (spread + noise)
        moved = np.maximum(mean + gain * surprise, 0.0)  # nothing takes less than no time
        covariance = covariance - np.outer(gain, features @ covariance)
        return Regression(tuple(map(float, moved)), _rows(covariance), self.widths, self._noise_after(x, seconds))

    def rescaled(self, factor: float) -> "Regression":
        """All coefficients times `factor`, and as unsure as at the beginning: another machine, or another seed."""
        widths = tuple(width * factor for width in self.widths)
        return Regression.prior([coefficient * factor for coefficient in self.mean], widths)

    def _forgotten(self) -> Matrix:
        """The covariance, a little wider: precision = MEMORY × what is known + (1 − MEMORY) × the prior's."""
        prior = np.diag(1.0 / np.square(self.widths))
        # A hair of the prior's width: where nothing ever varies (no decode at all), it would become singular.
        known = np.linalg.inv(np.asarray(self.covariance) + 1e-9 * np.diag(np.square(self.widths)))
        return np.asarray(np.linalg.inv(MEMORY * known + (1 - MEMORY) * prior), dtype=float)

    def _noise_after(self, x: Sequence[float], seconds: float) -> float:
        predicted = max(self.predict(x), 1e-9)
        off = math.log(max(seconds, 1e-3 * predicted) / predicted)
        unsure = self.doubt(x) / predicted
        square = min(max(off * off - unsure * unsure, 0.0), (3 * self.noise) ** 2)
        noise = math.sqrt((1 - NOISE_STEP) * self.noise**2 + NOISE_STEP * square)
        return min(max(noise, LEAST_NOISE), MOST_NOISE)


def _rows(matrix: Matrix) -> tuple[tuple[float, ...], ...]:
    symmetric = (matrix + matrix.T) / 2  # rounding must not tear it apart over a million steps
    return tuple(tuple(map(float, row)) for row in symmetric)
