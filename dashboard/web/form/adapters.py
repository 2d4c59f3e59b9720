"""Adapters (LoRA) as people type them into the submit form: 'ink-sketch:0.8, 0198f2a4:1:low-noise', and back.

And those that the form offers: of the catalog and of the uploads, which the model takes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.web.form.numbers import number
from farm.adapters.compatibility import AdapterCompatibility
from farm.catalog import ModelEntry
from farm.params.adapters import split_expert
from farm.params.request.base import ADAPTER_SUFFIX

#: What ends a name in the field.
_ENDS = frozenset(":,\n")


@dataclass(frozen=True)
class OfferedAdapter:
    """One that the model takes: what is typed for it, what it is called, and how many of its layers, if not all."""

    typed: str
    title: str
    applied: int | None = None
    layers: int | None = None


def fitting_adapters(entry: ModelEntry, uploads: Sequence[Any]) -> list[OfferedAdapter]:
    """The catalog's adapters of a model, and what was uploaded of which it takes at least a part.

    One of which nobody knows what the model takes before a worker has loaded it is offered too.
    """
    found = [OfferedAdapter(name, name) for name in entry.adapters]
    rows = [row for row in uploads if row.width is None and row.adapter is not None]
    called = Counter([row.name.removesuffix(ADAPTER_SUFFIX).casefold() for row in rows])
    taken = {name.casefold() for name in entry.adapters} | {name for name, times in called.items() if times > 1}
    for row in rows:
        stored = AdapterCompatibility.model_validate(row.adapter)
        fit = stored.of(entry)
        if fit is not None and not fit.applied:
            continue
        name = row.name.removesuffix(ADAPTER_SUFFIX)
        typed = row.id if name.casefold() in taken or _ENDS & set(name) else name
        part = (fit.applied, stored.layers) if fit is not None and fit.applied < stored.layers else (None, None)
        found.append(OfferedAdapter(typed, name, *part))
    return found


def read_adapters(text: str) -> list[dict[str, Any]]:
    """The `loras` of a request. What is no weight is left as it was typed, for request validation to say so."""
    found: list[dict[str, Any]] = []
    for part in (part.strip() for part in text.replace("\n", ",").split(",")):
        typed, expert = split_expert(part)
        name, colon, weight = typed.rpartition(":")
        if colon:
            found.append({"name": name.strip(), "weight": number(weight.strip(), float), **expert})
        elif typed:
            found.append({"name": typed, **expert})
    return found


def write_adapters(adapters: Iterable[Mapping[str, Any]]) -> str:
    """The same text for the adapters that a render has."""
    return ", ".join(
        ":".join([adapter["name"], repr(adapter["weight"]), *filter(None, [adapter.get("expert")])])
        for adapter in adapters
    )
