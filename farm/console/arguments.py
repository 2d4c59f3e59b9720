"""What several verbs take: ids of jobs and renders, names, filters, each with what the shell offers for it; times."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from farm.client.files.file_names import FIELDS
from farm.console.completion import (
    complete_any,
    complete_board,
    complete_job,
    complete_model,
    complete_pool,
    complete_render,
)
from farm.verification.second_renders import SecondRenders

if TYPE_CHECKING:
    from farm.client import FarmClient

R = TypeVar("R")
_RENDERS = "Ids of renders, as `farm job` and `farm drafts` list them; JOB/3 is a render by its place."

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or last.", autocompletion=complete_job)]
JobIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of jobs.", autocompletion=complete_job)]
RenderIds = Annotated[list[str], typer.Argument(metavar="ID…", help=_RENDERS, autocompletion=complete_render)]
AnyId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of a job or a render, or last.", autocompletion=complete_any)
]
PoolName = Annotated[str, typer.Argument(help="Its name.", autocompletion=complete_pool)]
#: How `farm download` and `farm submit` call files: see `farm.client.files.file_names`.
FileNamesOption = Annotated[
    str, typer.Option("--name", metavar="PATTERN", help=f"What files are called; of {{{'}, {'.join(FIELDS)}}} and /.")
]

#: How a time may be typed; it is UTC.
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
EndedSince = Annotated[
    datetime | None, typer.Option("--ended-since", formats=TIMES, help="Only what ended then or later (UTC).")
]
EndedBefore = Annotated[
    datetime | None, typer.Option("--ended-before", formats=TIMES, help="Only what ended before this time (UTC).")
]
ScoredBy = Annotated[str | None, typer.Option("--scorer", help="Only what this scorer has scored.")]
LeastScore = Annotated[float | None, typer.Option("--least-score", help="With --scorer: only so good, or better.")]


def utc(typed: datetime | None) -> datetime | None:
    """A time that was typed, with its zone."""
    return typed and typed.replace(tzinfo=UTC)


def add_options(
    verb: Callable[..., R], before: Iterable[Parameter] = (), behind: Iterable[Parameter] = ()
) -> Callable[..., R]:
    """The verb with more options, before and behind its own; it gets them as keywords, under their names."""

    @functools.wraps(verb)
    def with_options(*args: Any, **kwargs: Any) -> R:
        return verb(*args, **kwargs)

    own = inspect.signature(verb, eval_str=True).parameters.values()
    parameters = [
        *(each for each in own if each.kind == each.POSITIONAL_OR_KEYWORD),
        *(each.replace(kind=each.KEYWORD_ONLY) for each in before),
        *(each for each in own if each.kind == each.KEYWORD_ONLY),
        *(each.replace(kind=each.KEYWORD_ONLY) for each in behind),
    ]
    # What typer reads: it calls by name.
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def takes_filters(verb: Callable[..., R]) -> Callable[..., R]:
    """A decorator of verbs that choose among the renders of the gallery: `read_filters` reads what they get."""
    return add_options(verb, behind=inspect.signature(_filters, eval_str=True).parameters.values())


def _filters(
    text: Annotated[str | None, typer.Option(help="Words of the prompt, each from its beginning.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only of this model; of several any.", autocompletion=complete_model)
    ] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Only of this width.")] = None,
    height: Annotated[int | None, typer.Option(min=1, help="Only of this height.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Only with this sampler.")] = None,
    lora: Annotated[str | None, typer.Option(help="Only with this LoRA, by name.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; of several all.")] = None,
    rating: Annotated[int | None, typer.Option(min=1, max=5, help="Only rated so, or better.")] = None,
    favourite: Annotated[bool, typer.Option("--favourite", help="Only favourites.")] = False,
    board: Annotated[
        str | None, typer.Option(help="Only on this board, by its name or id.", autocompletion=complete_board)
    ] = None,
    user: Annotated[str | None, typer.Option(help="Only what this person submitted, by name.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=TIMES, help="Only done then or later (UTC).")] = None,
    before: Annotated[datetime | None, typer.Option(formats=TIMES, help="Only done before this time (UTC).")] = None,
    verifications: Annotated[
        SecondRenders | None, typer.Option(help="With the second renders of verifications too, or only those.")
    ] = None,
) -> None:
    """The filters of the gallery, as options."""


def read_filters(farm: FarmClient, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What :meth:`FarmClient.gallery` takes, from what was typed; what was left out is left out. Raises NotFound."""
    given = {name: value for name, value in typed.items() if not (value is None or value is False or value == [])}
    for name, field in (("since", "finished_after"), ("before", "finished_before")):
        if name in given:
            given[field] = utc(given.pop(name))
    if "board" in given:
        given["board"] = farm.find_board_id(given["board"])
    return given
