"""A test over every combination of some axes: a diagonal of them in `make test`, all in `make test-long`."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest


def matrix(**axes: Sequence[Any]) -> pytest.MarkDecorator:
    """Parametrize by the product of these axes. In the diagonal each value of each axis comes at least once.

    Axes of 7, 2 and 2 values are 28 cases, 7 of them in the diagonal; the two short ones meet in all their ways there.
    """
    kept = diagonal([len(values) for values in axes.values()])
    cases = []
    for places in product(*(range(len(values)) for values in axes.values())):
        values = [values[place] for values, place in zip(axes.values(), places, strict=True)]
        cases.append(pytest.param(*values, marks=[] if places in kept else pytest.mark.long))
    return pytest.mark.parametrize(list(axes), cases)


def diagonal(lengths: Sequence[int]) -> set[tuple[int, ...]]:
    """As many places as the longest axis has values, or half as many more: each axis walks through its own.

    The short ones walk one slower than the other, so that they meet in all their ways, for as long as that has room.
    """
    longest = max(lengths)
    paces, slower = [1] * len(lengths), 1
    for axis in sorted(range(len(lengths)), key=lengths.__getitem__):
        if slower * lengths[axis] <= 1.5 * longest:
            paces[axis], slower = slower, slower * lengths[axis]
    steps = max(length * pace for length, pace in zip(lengths, paces, strict=True))
    return {tuple(step // pace % length for length, pace in zip(lengths, paces, strict=True)) for step in range(steps)}


def one_in(count: int, cases: Sequence[Any]) -> list[Any]:
    """Of a list of cases each `count`-th in `make test`, all in `make test-long`. A case is a tuple of values."""
    return [
        pytest.param(*case, marks=[] if place % count == 0 else pytest.mark.long) for place, case in enumerate(cases)
    ]
