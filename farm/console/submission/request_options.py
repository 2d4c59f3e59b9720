"""Options of the command line out of the declaration of a request, and what was typed as the fields of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel

from farm.client import FarmClient
from farm.console.arguments import add_options
from farm.console.submission.sweep_options import read_choices, read_dialect, read_rows
from farm.console.submission.upload_progress import adapter_of, input_of
from farm.params.request.base import CLIPS, PICTURE_LISTS, PICTURES
from farm.params.request.declared import Declared, declared_fields
from farm.params.request.job_request import JobRequest
from farm.params.request.option import Option

R = TypeVar("R")
Typed = Mapping[str, Any]


def takes_request(request: type[BaseModel] = JobRequest) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """A decorator of verbs: an option for each field that declares one, between what is given by place and by name.

    The verb gets them as keywords, under the names of the fields.
    """

    def decorate(verb: Callable[..., R]) -> Callable[..., R]:
        declared = declared_fields(request).values()
        return add_options(verb, before=[_parameter(field, field.option) for field in declared if field.option])

    return decorate


def _parameter(field: Declared, option: Option) -> Parameter:
    kind = option.typed or field.kind
    least = field.least if option.least is None else option.least
    told = typer.Option(
        field.option_name,
        help=option.help or field.description,
        metavar=option.metavar,
        min=least,
    )
    flag = kind is bool
    return Parameter(
        field.name,
        Parameter.POSITIONAL_OR_KEYWORD,
        default=False if flag else None,
        annotation=Annotated[kind if flag else kind | None, told],
    )


def read_typed(typed: Typed) -> dict[str, Any]:
    """The fields of a request from what was typed, but for files, which `upload_typed` sends.

    What was left out, and a flag that was not given, is left out. Raises typer.BadParameter.
    """
    given = {name: value for name, value in typed.items() if _given(value)}
    fields = {name: value for name, value in given.items() if name not in _FILES}
    fields |= {name: read(given[name]) for name, read in _READERS.items() if name in given}
    if len(fields.get("seeds", ())) == 1:
        [fields["seed"]] = fields.pop("seeds")
    return fields


def upload_typed(farm: FarmClient, typed: Typed) -> dict[str, Any]:
    """The fields that name what the farm has: uploaded files (what is a file here is uploaded now), and jobs."""
    sent = {name: upload(farm, typed[name]) for name, upload in _FILES.items() if _given(typed.get(name))}
    if _given(typed.get("after")):
        sent["after"] = [farm.find_job_id(job_id) for job_id in typed["after"]]
    return sent


def _given(value: object) -> bool:
    return not (value is None or value is False or value == [])


def read_when(text: str) -> float | str:
    """Seconds from now as a number; anything else as it was typed: the farm reads it as ISO 8601."""
    try:
        return float(text)
    except ValueError:
        return text


#: The fields that are typed in another form than they are sent in.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    "variables": lambda texts: read_choices(texts, "--var"),
    "wildcards": lambda texts: read_choices(texts, "--wildcard"),
    "rows": read_rows,
    "csv_dialect": read_dialect,
    "not_before": read_when,
    "deadline": read_when,
}
_FILES: Mapping[str, Callable[[FarmClient, Any], Any]] = {
    **dict.fromkeys((*PICTURES, *CLIPS), input_of),
    **dict.fromkeys(PICTURE_LISTS, lambda farm, names: [input_of(farm, name) for name in names]),
    "loras": lambda farm, names: [adapter_of(farm, name) for name in names],
}
