"""Adapters (LoRA) of a request: those of the catalog by name, those that the project uploaded by id."""

from typing import Any

from farm.catalog.adapters import MOST_ADAPTERS, WEIGHTS
from farm.catalog.schema import ModelEntry
from farm.errors import Fault
from farm.nearest import did_you_mean
from farm.params.base import ADAPTER_SUFFIX, AdapterRef
from farm.params.door import Door
from farm.params.submission import AdapterUse, pointer, shown


def adapters_of(door: Door) -> tuple[AdapterRef, ...]:
    """What a render keeps of its adapters, sorted by name: the order of a sum changes its last bits.

    Those that work with no strength are left out. Every fault goes to the door.
    """
    asked = door.request.loras or []
    if len(asked) > MOST_ADAPTERS:
        door.refuse("loras", f"a render has at most {MOST_ADAPTERS} adapters; seen {len(asked)}")
        return ()
    if asked and door.entry.sharded:
        door.refuse("loras", f"{door.entry.name} lies on several devices, and its parts take no adapters; leave it out")
        return ()
    found = [_one(door, place, use) for place, use in enumerate(asked)]
    names = [use.name for use in asked]
    for place, name in enumerate(names):
        if name in names[:place]:
            door.faults.append(
                Fault(pointer("loras", place, "name"), f"names {shown(name)} a second time; leave it out")
            )
    known = [adapter for adapter in found if adapter is not None and adapter.weight]
    return tuple(sorted(known, key=lambda adapter: adapter.name))


def adapters_schema(entry: ModelEntry) -> dict[str, Any]:
    """The field of a request in JSON Schema, where the model takes adapters; `x-adapters`: those of the catalog."""
    if entry.sharded:
        return {}
    one = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "weight": {"type": ["number", "null"], "minimum": WEIGHTS[0], "maximum": WEIGHTS[1]},
        },
    }
    return {
        "loras": {
            "title": "Adapters",
            "description": "LoRAs of the model, or ids of uploaded ones, with weights",
            "type": ["array", "null"],
            "items": one,
            "maxItems": MOST_ADAPTERS,
            "x-adapters": sorted(entry.adapters),
        }
    }


def _one(door: Door, place: int, use: AdapterUse) -> AdapterRef | None:
    entry = door.entry.adapters.get(use.name)
    weight = use.weight if use.weight is not None else entry.weight if entry else 1.0
    low, high = WEIGHTS
    if not low <= weight <= high:
        door.faults.append(
            Fault(pointer("loras", place, "weight"), f"must be between {low:g} and {high:g}; seen {shown(weight)}")
        )
    if entry is not None:
        return AdapterRef(name=use.name, weight=weight, sha256=entry.source.sha256)
    uploaded = door.uploaded(use.name)
    if uploaded is None or not uploaded.key.endswith(ADAPTER_SUFFIX):
        hint = did_you_mean(use.name, door.entry.adapters) if door.entry.adapters else "the catalog has none for it"
        message = f"{door.entry.name} has no adapter {shown(use.name)}, nor was one of that id uploaded; {hint}"
        door.faults.append(Fault(pointer("loras", place, "name"), message))
        return None
    return AdapterRef(name=use.name, weight=weight, sha256=uploaded.sha256, key=uploaded.key)
