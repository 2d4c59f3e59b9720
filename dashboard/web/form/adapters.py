"""Adapters (LoRA) as people type them into the submit form: 'ink-sketch:0.8, 0198f2a4:1:low-noise', and back."""

from collections.abc import Iterable, Mapping
from typing import Any

from dashboard.web.form.numbers import number
from farm.params.adapters import split_expert


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
