"""The parameter space of a template as a sweep: lists of values where it is a product, else a row for each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from farm.openjd.parameters import field_of, value_for, varies
from farm.openjd.template import NotATemplate, Template

#: As many as one stream of rows may have by default (FARM_MAX_RENDERS_PER_STREAM).
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class Sweep:
    """A request's fields, and the rows that go before them; None: the fields are all."""

    fields: dict[str, Any]
    rows: Iterator[dict[str, Any]] | None = None


def sweep_of(template: Template, prompt: str | list[str] | None = None) -> Sweep:
    """The job of a template; a prompt that was typed goes before its own. Raises NotATemplate, naming the parameter."""
    fields = _fixed(template.parameters)
    given = fields.pop("variables", {})  # many a template has paths and switches of its program among them
    rows = None
    if template.space is not None and "(" in (template.space.combination or ""):
        said = prompt or fields.get("prompt", "")
        rows = (_filled(row, given, prompt or row.get("prompt", said)) for row in _rows(template.space))
    elif template.space is not None:
        for name, definition in template.space.taskParameterDefinitions.items():
            if len(definition.range) > MAX_ROWS:
                raise NotATemplate(f"{name} has {len(definition.range):,} values; a job takes {MAX_ROWS:,} renders.")
            _vary(fields, name, [str(value) for value in definition.range])
    if rows is None:
        fields = _filled(fields, given, prompt or fields.get("prompt", ""))
    return Sweep(fields, rows)


def _filled(fields: dict[str, Any], given: Mapping[str, list[str]], prompt: str | list[str]) -> dict[str, Any]:
    """The fields, with those job parameters that fill a gap of the prompt."""
    prompts = "\n".join(prompt) if isinstance(prompt, list) else prompt
    used = {name: texts for name, texts in given.items() if f"{{{name}}}" in prompts}
    return {**fields, "variables": used | fields.get("variables", {})} if used else fields


def _fixed(parameters: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, text in parameters.items():
        known = field_of(name)
        if known is None:
            fields.setdefault("variables", {})[name] = [text]
        else:
            fields[known] = _value(name, known, text)
    return fields


def _vary(fields: dict[str, Any], name: str, texts: list[str]) -> None:
    known = field_of(name)
    if known is None:
        fields.setdefault("variables", {})[name] = texts
        return
    if known in fields:
        raise NotATemplate(f"Both a job parameter and the task parameter {name} say {known}; leave one out.")
    values = [_value(name, known, text) for text in texts]
    if len(values) == 1:
        fields[known] = values[0]
    elif not varies(known):
        raise NotATemplate(f"The task parameter {name} varies, but {known} is the same for all of one job.")
    else:
        fields["seeds" if known == "seed" else known] = values


def _rows(space: Any) -> Iterator[dict[str, Any]]:
    from openjd.model import StepParameterSpaceIterator

    # One pass and no other: a second one over the same iterator repeats the last tasks (openjd-model 0.14).
    tasks = StepParameterSpaceIterator(space=space)
    if len(tasks) > MAX_ROWS:
        raise NotATemplate(f"Its parameter space holds {len(tasks):,} tasks; a job takes {MAX_ROWS:,} rows.")
    return (_row({name: str(value.value) for name, value in task.items()}) for task in tasks)


def _row(task: Mapping[str, str]) -> dict[str, Any]:
    row = _fixed(dict(sorted(task.items())))
    for name in row:
        if name != "variables" and not varies(name):
            raise NotATemplate(f"A task parameter says {name}, which is the same for all of one job.")
    return row


def _value(name: str, known: str, text: str) -> Any:
    try:
        return value_for(known, text)
    except ValueError as error:
        raise NotATemplate(f"The parameter {name} is taken for {known}: {error}.") from None
