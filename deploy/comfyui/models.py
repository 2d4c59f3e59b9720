"""What the farm's models accept, for the widgets: as the farm says, or as the shipped catalog does while it is away."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cache
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
_ANSWER_SECONDS = 2.0

_lock = Lock()
_known: tuple[float, list[Model]] | None = None


def models_of(families: Iterable[str]) -> list[Model]:
    """The models of these families that this machine's farm has pools for; where it has none, the shipped ones."""
    wanted = frozenset(families)
    served, shipped = ([model for model in known if model.family in wanted] for known in (_offered(), _shipped()))
    return served or shipped


def _offered() -> list[Model]:
    global _known
    with _lock:
        if _known is None or time.monotonic() - _known[0] > _FRESH_SECONDS:
            _known = time.monotonic(), _ask()
        return _known[1]


def _ask() -> list[Model]:
    try:
        with Farm().open(timeout=_ANSWER_SECONDS, retry_seconds=0.1) as client:
            served = {pool.model for pool in client.pools()}
            return [model for model in client.models() if model.name in served]
    except FarmError:
        return []


@cache
def _shipped() -> list[Model]:
    entries = load_catalog(load_settings(variables={}), {}).models.values()
    return [Model(name=entry.name, family=entry.family, parameters=parameters_schema(entry)) for entry in entries]


def largest(families: Iterable[str], field: str) -> float:
    """The largest value of a field that any model of the families takes, of this machine's farm or shipped.

    ComfyUI refuses what is larger, and a node may render on another farm than this machine's: so the shipped models
    count, too.
    """
    wanted = frozenset(families)
    highs = [0.0]
    for model in [*models_of(wanted), *(model for model in _shipped() if model.family in wanted)]:
        shape = _of_one(model.parameters.get("properties", {}).get(field, {}))
        listed = [value for value in shape.get("enum", []) if value is not None]
        highs += [shape["maximum"]] if "maximum" in shape else listed[-1:]
    return max(highs)


def choices(models: Iterable[Model], field: str) -> list[str]:
    """All values that any of the models takes of a field that has a list of them."""
    shapes = [_of_one(model.parameters.get("properties", {}).get(field, {})) for model in models]
    return list(dict.fromkeys(value for shape in shapes for value in shape.get("enum", []) if value is not None))


def _of_one(shape: dict[str, Any]) -> dict[str, Any]:
    """Of a field that may be a list, the shape of one value."""
    found: dict[str, Any] = shape["anyOf"][0] if "anyOf" in shape else shape
    return found
