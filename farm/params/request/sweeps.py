"""Sweeps: any parameter may be a list, and a job renders every combination of what its lists hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from farm.errors import Fault
from farm.params.request.declared import SWEPT
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import pointer, shown
from farm.sentences import sentence


@dataclass(frozen=True)
class Point:
    """One combination: the request with one value for every parameter, and where each value of a list stands."""

    request: JobRequest
    places: dict[str, str]  # field → JSON pointer


def swept(request: JobRequest) -> dict[str, list[Any]]:
    """The parameters of a request that are lists, with their values."""
    return {name: value for name in SWEPT if isinstance(value := getattr(request, name), list)}


def count_points(request: JobRequest) -> int:
    """How many combinations a request has; 0 if a list is empty."""
    return prod(len(values) for values in swept(request).values())


def list_faults(request: JobRequest) -> list[Fault]:
    """Lists that hold nothing, or the same value twice: the same render would be made and paid twice."""
    faults = []
    for name, values in swept(request).items():
        if not values:
            faults.append(Fault(pointer(name), sentence("must hold at least one value; seen an empty list")))
        before = set[Any]()
        for place, value in enumerate(values):
            if value in before:
                faults.append(
                    Fault(
                        pointer(name, place),
                        sentence("%(value)s is in the list before; give each once", value=shown(value)),
                    )
                )
            before.add(value)
    return faults


def points(request: JobRequest) -> Iterator[Point]:
    """Every combination of the lists; the request itself where there are none."""
    lists = swept(request)
    if not lists:
        yield Point(request, {})
        return
    for places in product(*(range(len(values)) for values in lists.values())):
        chosen = dict(zip(lists, places, strict=True))
        values = {name: lists[name][place] for name, place in chosen.items()}
        yield Point(request.model_copy(update=values), {name: pointer(name, place) for name, place in chosen.items()})
