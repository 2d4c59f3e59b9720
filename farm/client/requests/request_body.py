"""The body of a submission, from the keywords of the client."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from farm.errors import Fault, InvalidRequest

if TYPE_CHECKING:
    from farm.params.request.job_fields import JobFields


def request_body(model: str, prompt: str | Sequence[str], fields: JobFields) -> dict[str, Any]:
    """The body of a submission. Raises InvalidRequest for what JSON cannot say."""
    body = {"model": model, "prompt": prompt} | by_alias(fields)
    return {
        name: list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
        for name, value in body.items()
    }


def by_alias(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields by their names in the API; what is None is left out.

    Raises InvalidRequest for a number that JSON cannot say.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    named: dict[str, Any] = {{"class_name": "class"}.get(name, name): value for name, value in given.items()}
    if faults := [
        Fault(f"/{name}", f"must be a finite number; seen {value}")
        for name, value in named.items()
        if _is_infinite(value)
    ]:
        raise InvalidRequest(faults)
    return named


def _is_infinite(value: Any) -> bool:
    """Whether a number, or one within, is infinite or none at all."""
    if isinstance(value, Mapping):
        return any(map(_is_infinite, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_infinite, value))
    return isinstance(value, float) and not math.isfinite(value)
