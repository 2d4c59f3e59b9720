"""Which field of a request a parameter of a template is: by its name, as the API or the command line has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from farm.params.request.declared import Declared, declared_fields

#: Fields that are more than one value each, which no parameter of OpenJD is.
_COMPOSED = frozenset(
    {"seeds", "loras", "variables", "wildcards", "rows", "csv_dialect", "post_processors", "after", "dry_run"}
)


def field_of(name: str) -> str | None:
    """The field of a request: 'GuidanceScale', 'guidance_scale' and 'Guidance' are one; None: a gap of the prompt."""
    return _names().get(_plain(name))


def value_for(name: str, text: str) -> Any:
    """What a template says, as the field's kind. Raises ValueError."""
    declared = declared_fields()[name]
    read = _READERS.get(declared.kind, str)
    try:
        return int(text) if name == "seed" else read(text)
    except ValueError:
        words = {int: "a whole number", float: "a number", bool: "true or false"}
        raise ValueError(f"{text!r} is not {words.get(declared.kind, 'a whole number')}") from None


def varies(name: str) -> bool:
    """Whether one job may have several values of a field."""
    return name in ("seed", "prompt") or declared_fields()[name].varies


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


@cache
def _names() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, declared in declared_fields().items():
        if name not in _COMPOSED:
            found |= dict.fromkeys({_plain(name), _plain(declared.alias), _option(declared)} - {""}, name)
    return found | {"seed": "seed"}


def _option(declared: Declared) -> str:
    return _plain((declared.option.name if declared.option else None) or "")


def _truth(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError
    return words[text.lower()]


_READERS: Mapping[Any, Callable[[str], Any]] = {int: int, float: float, bool: _truth}
