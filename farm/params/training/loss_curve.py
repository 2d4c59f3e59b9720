"""The losses of a training as a curve of bounded length."""

from collections.abc import Sequence

#: Places of a curve that is shown.
MOST_PLACES = 500
#: (step, mean loss of the steps since the place before), steps from 1.
Curve = list[tuple[int, float]]


def thinned(losses: Sequence[float]) -> Curve:
    """The curve at MOST_PLACES places at the most: the last step of each stretch, and its mean."""
    width = -(-len(losses) // MOST_PLACES) or 1
    stretches = [losses[begin : begin + width] for begin in range(0, len(losses), width)]
    ends = [min((place + 1) * width, len(losses)) for place in range(len(stretches))]
    return [(end, sum(part) / len(part)) for end, part in zip(ends, stretches, strict=True)]
