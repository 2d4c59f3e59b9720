"""`farm jobs`: the project's jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from farm.console.arguments import TIMES, EndedBefore, EndedSince, utc
from farm.console.completion import complete_model
from farm.console.session import farm_at_hand, print_json
from farm.console.tables import print_jobs
from farm.lifecycle import JobStatus
from farm.verification.second_renders import SecondRenders


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(jobs)


def jobs(
    status: Annotated[
        list[JobStatus] | None, typer.Option(help="Only jobs in this state; give it again for more states.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Only of this model; give it again for more models.", autocompletion=complete_model),
    ] = None,
    class_name: Annotated[str | None, typer.Option("--class", help="Only of this class.")] = None,
    user: Annotated[str | None, typer.Option(help="Only what this person submitted, by name.")] = None,
    text: Annotated[
        str | None, typer.Option(help="Only with this text in the title, by default the first prompt.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only with renders that have this tag; of several tags all.")
    ] = None,
    drafted: Annotated[bool, typer.Option("--drafted", help="Only with drafts that wait for a choice.")] = False,
    since: Annotated[datetime | None, typer.Option(formats=TIMES, help="Only submitted then or later (UTC).")] = None,
    before: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Only submitted before this time (UTC).")
    ] = None,
    ended_since: EndedSince = None,
    ended_before: EndedBefore = None,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Those that were deleted and can be restored, instead of all others.")
    ] = False,
    verifications: Annotated[
        SecondRenders | None, typer.Option(help="With jobs of verifications too, or only those.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as a JSON list.")] = False,
) -> None:
    """List the project's jobs, newest first. In a pipe: lines with tabs between the columns.

    All that the options say must hold. Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = list(
            farm.jobs(
                status=status,
                model=model,
                class_name=class_name,
                user=user,
                text=text,
                tag=tag,
                drafted=drafted,
                created_after=utc(since),
                created_before=utc(before),
                finished_after=utc(ended_since),
                finished_before=utc(ended_before),
                deleted=deleted,
                verifications=verifications,
                limit=limit,
            )
        )
        if as_json:
            print_json(found)
        else:
            print_jobs(found, farm.time())
