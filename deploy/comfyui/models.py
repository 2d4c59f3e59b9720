"""What the farm's models accept, for the widgets: as the farm says, or as the shipped catalog does while it is away."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any

from farm.catalog import load_catalog
from farm.client.replies import Model
from farm.errors import FarmError
from farm.params.forms import parameters_schema
from farm.settings import load_settings

from .connection import Farm

#: Seconds that an answer counts: ComfyUI asks for a node's widgets many times for each run.
_FRESH_SECONDS = 60.0
#: Seconds that ComfyUI waits for a farm that does not answer.
_PATIENCE_SECONDS = 2.0

_lock = Lock()
_known: tuple[float, list[Model]] | None = None


def models_of(families: Iterable[str]) -> list[Model]:
    """The models of these families that this machine's farm has pools for, in its order."""
    wanted = frozenset(families)
    return [model for model in _all_models() if model.family in wanted]


def forget() -> None:
    """Ask the farm again at the next occasion."""
    global _known
    with _lock:
        _known = None


def _all_models() -> list[Model]:
    global _known
    with _lock:
        if _known is None or time.monotonic() - _known[0] > _FRESH_SECONDS:
            _known = time.monotonic(), _ask()
        return _known[1]


def _ask() -> list[Model]:
    try:
        with Farm().open(timeout=_PATIENCE_SECONDS, retry_seconds=0.1) as client:
            served = {pool.model for pool in client.pools()}
            return [model for model in client.models() if model.name in served]
    except FarmError:
        return list(_shipped())


def _shipped() -> Iterator[Model]:
    for entry in load_catalog(load_settings(variables={}), {}).models.values():
        yield Model(
            name=entry.name,
            family=entry.family,
            defaults=entry.defaults,
            samplers=entry.samplers,
            parameters=parameters_schema(entry),
        )


def bounds(models: Iterable[Model], field: str) -> tuple[float, float] | None:
    """The smallest and the largest value of a field that any of the models takes; None where none says."""
    lows, highs = [], []
    for model in models:
        shape = _of_one(model.parameters.get("properties", {}).get(field, {}))
        listed = [value for value in shape.get("enum", []) if value is not None]
        lows += [shape["minimum"]] if "minimum" in shape else listed[:1]
        highs += [shape["maximum"]] if "maximum" in shape else listed[-1:]
    return (min(lows), max(highs)) if lows and highs else None


def choices(models: Iterable[Model], field: str) -> list[str]:
    """All values that any of the models takes of a field that has a list of them."""
    shapes = [_of_one(model.parameters.get("properties", {}).get(field, {})) for model in models]
    return list(dict.fromkeys(value for shape in shapes for value in shape.get("enum", []) if value is not None))


def _of_one(shape: dict[str, Any]) -> dict[str, Any]:
    """Of a field that may be a list, the shape of one value."""
    found: dict[str, Any] = shape["anyOf"][0] if "anyOf" in shape else shape
    return found
