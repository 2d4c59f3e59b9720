"""How the regression learns from one measurement; apart, because only who learns needs numpy.

Recursive least squares in Bayes' form.
Three things are added, because what is measured are machines:

- noise is relative: a measurement y is worth as much as `noise` × the prediction says, so that a clip of an
  hour does not drown pictures of a tenth of a second;
- it forgets: each step keeps MEMORY of what is known and mixes the prior's width back in, so that it goes on learning,
  and never believes itself surer than the last few hundred renders make it;
- it doubts: what lies more than DOUBT standard deviations off counts less the further off it is (Huber's
  weight), so that a machine that stalled once moves little.

Where nearly all of what was seen lately lies off by the same factor, these are no outliers but another machine:
`Regression.rescaled` multiplies all coefficients and opens the covariance again.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scheduler.estimates.regression import Regression

Matrix = NDArray[np.float64]

MEMORY = 0.995
DOUBT = 2.5
#: The share by which the noise moves to each new measurement, and its bounds (relative).
NOISE_STEP = 0.05
LEAST_NOISE = 0.02
MOST_NOISE = 1.0


def learn(known: Regression, x: Sequence[float], seconds: float, *, trusting: bool = False) -> Regression:
    """After one measurement. `trusting`: an outlier counts in full, while the mean is no more than a guess."""
    features = np.asarray(x, dtype=float)
    mean, covariance = np.asarray(known.mean), _forgotten(known)
    predicted = max(known.predict(x), 1e-9)
    noise = (known.noise * predicted) ** 2
    surprise = seconds - predicted
    spread = float(features @ covariance @ features)
    score = abs(surprise) / math.sqrt(spread + noise)
    if not trusting and score > DOUBT:
        noise *= score / DOUBT
        surprise *= math.sqrt(DOUBT / score)
    gain = covariance @ features / (spread + noise)
    moved = np.maximum(mean + gain * surprise, 0.0)  # nothing takes less than no time
    covariance = covariance - np.outer(gain, features @ covariance)
    return Regression(tuple(map(float, moved)), _rows(covariance), known.widths, _noise_after(known, x, seconds))


def _forgotten(known: Regression) -> Matrix:
    """The covariance, a little wider: precision = MEMORY × what is known + (1 − MEMORY) × the prior's."""
    prior = np.diag(1.0 / np.square(known.widths))
    # A hair of the prior's width: where nothing ever varies (no decode at all), it would become singular.
    precision = np.linalg.inv(np.asarray(known.covariance) + 1e-9 * np.diag(np.square(known.widths)))
    return np.asarray(np.linalg.inv(MEMORY * precision + (1 - MEMORY) * prior), dtype=float)


def _noise_after(known: Regression, x: Sequence[float], seconds: float) -> float:
    predicted = max(known.predict(x), 1e-9)
    off = math.log(max(seconds, 1e-3 * predicted) / predicted)
    unsure = known.doubt(x) / predicted
    square = min(max(off * off - unsure * unsure, 0.0), (3 * known.noise) ** 2)
    noise = math.sqrt((1 - NOISE_STEP) * known.noise**2 + NOISE_STEP * square)
    return min(max(noise, LEAST_NOISE), MOST_NOISE)


def _rows(matrix: Matrix) -> tuple[tuple[float, ...], ...]:
    symmetric = (matrix + matrix.T) / 2  # rounding must not tear it apart over a million steps
    return tuple(tuple(map(float, row)) for row in symmetric)
