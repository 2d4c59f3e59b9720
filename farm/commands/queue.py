"""`farm reclass`, `farm reorder`, `farm move`: change how a job waits; and `farm quota`: how much may wait."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.client.replies import Quota
from farm.console.arguments import JobId
from farm.console.bulk_action import for_each_job
from farm.console.completion import complete_job, complete_model
from farm.console.session import JsonOption, farm_at_hand, out, print_json


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(reclass)
    app.command()(reorder)
    app.command()(move)
    app.command()(quota)


def reclass(
    job_id: JobId,
    class_name: Annotated[str, typer.Argument(metavar="CLASS", help="urgent, normal or bulk.")],
    as_json: JsonOption = False,
) -> None:
    """Give what waits of a job another class; what runs ends where it is.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    for_each_job([job_id], lambda farm, one: farm.change_class(one, class_name), as_json)


def reorder(
    job_id: JobId,
    front: Annotated[bool, typer.Option("--front", help="Before all others.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Behind all others, also those to come.")] = False,
    before: Annotated[
        str | None, typer.Option(metavar="ID", help="Right before this job.", autocompletion=complete_job)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Put a job elsewhere in its project's line for its model and class.

    Exit codes: 0, 2 wrong usage or the farm refused, 3 the farm does not answer.
    """
    if front + back + (before is not None) != 1:
        raise typer.BadParameter("give one of --front, --back and --before")
    if front:
        for_each_job([job_id], lambda farm, one: farm.to_front(one), as_json)
    elif before is None:
        for_each_job([job_id], lambda farm, one: farm.to_back(one), as_json)
    else:
        for_each_job([job_id], lambda farm, one: farm.put_before(one, farm.find_job_id(before)), as_json)


def move(
    job_id: JobId,
    model: Annotated[str, typer.Argument(help="Another model of the same family.", autocompletion=complete_model)],
    as_json: JsonOption = False,
) -> None:
    """Let another model render what waits of a job; refused where it would not render it as it was asked for.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    for_each_job([job_id], lambda farm, one: farm.move(one, model), as_json)


def quota(as_json: JsonOption = False) -> None:
    """Show what your project may have, and what it has.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.quota()
        if as_json:
            print_json(found)
            return
        for line in describe(found):
            out().print(line)


def describe(found: Quota) -> list[str]:
    """A project's limits and use, a line for each."""
    return [
        f"waiting        {found.pending:,}{_of(found.max_pending, ',')} renders",
        f"running        {found.running:,}{_of(found.max_running, ',')} renders",
        f"today          {found.gpu_seconds_today:,.0f} used and {found.gpu_seconds_admitted:,.0f} admitted"
        f"{_of(found.gpu_seconds_per_day, ',.0f')} GPU-seconds",
        f"budget         {found.money_spent:,.2f} spent and {found.money_admitted:,.2f} promised"
        f"{_of(found.budget, ',.2f')} {found.currency}",
        f"in all         {found.gpu_seconds:,.0f} GPU-seconds, {found.watt_hours:,.0f} Wh, {found.renders:,} renders",
    ]


def _of(limit: float | None, form: str) -> str:
    return "" if limit is None else f" of {limit:{form}}"
