"""How far off the last estimates were: the source of every range. Pure.

Of each measured render its score is kept: log(measured / likely) divided by the doubt that the regression had. The
range of a new estimate takes the quantiles of the last scores, so it is as wide as it had to be (split conformal
prediction): whatever the noise looks like, about COVERAGE of the renders fall inside while they go on as before.

After: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World" (2005), chapter 4.
"""

import math
from collections.abc import Sequence

#: The share of renders that should fall inside their range.
COVERAGE = 0.8
#: Scores that are kept.
WINDOW = 120
#: Before anything was measured: scores of a normal distribution, at equally likely places; the outer ones leave last.
PRIOR = (0.0, 0.25, -0.25, 0.52, -0.52, 0.84, -0.84, 1.28, -1.28)


def added(scores: Sequence[float], score: float) -> tuple[float, ...]:
    """The window with one score more; the oldest leaves when it is full."""
    return (*scores, score)[-WINDOW:]


def bounds(scores: Sequence[float], coverage: float = COVERAGE) -> tuple[float, float]:
    """The scores between which `coverage` of the renders should fall.

    Few measured scores are filled up with those of the prior, one fewer for each that was measured.
    """
    known = sorted((*scores, *PRIOR[len(scores) :]))
    tail = (1 - coverage) / 2
    # One rank further out than the sample's own quantile: the next render is one of n + 1.
    rank = max(math.floor((len(known) + 1) * tail), 1)
    return min(known[rank - 1], 0.0), max(known[-rank], 0.0)
