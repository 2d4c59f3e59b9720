"""`farm cancel`: jobs that nobody wants any more, by their ids or by what they have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from farm.client import FarmClient, Job
from farm.console.arguments import TIMES, utc
from farm.console.bulk_action import for_each_job
from farm.console.completion import complete_job, complete_model
from farm.console.job_progress import counts
from farm.console.session import JsonOption, farm_at_hand, print_json, say
from farm.lifecycle import CANCELLABLE, RenderStatus

_IN_THE_BACKGROUND = "ends in the background, and nothing of it begins"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(cancel)


def cancel(
    job_ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="Ids of jobs.", autocompletion=complete_job)
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Only what waits for this model.", autocompletion=complete_model)
    ] = None,
    lane: Annotated[str | None, typer.Option(help="Only of this lane, such as sana-demo@fp32.")] = None,
    class_name: Annotated[str | None, typer.Option("--class", help="Only of this class.")] = None,
    status: Annotated[
        list[RenderStatus] | None,
        typer.Option(help="Only renders in this state.", metavar=f"[{'|'.join(sorted(CANCELLABLE))}]"),
    ] = None,
    before: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Only of jobs submitted before this time (UTC).")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Only of jobs submitted then or later (UTC).")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Only renders whose prompt holds this text.")] = None,
    project: Annotated[str | None, typer.Option(help="Only of this project; for operators.")] = None,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="Of every project; for operators.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be cancelled.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Cancel what has not ended of these jobs, or of all that the options find; what is done stays.

    Exit codes: 0 all cancelled or ended before, 2 the farm refused one, 3 the farm does not answer.
    """
    chosen = (model, lane, class_name, status, before, since, text, project, all_projects, dry_run)
    if not any(chosen):
        if not job_ids:
            raise typer.BadParameter("give ids of jobs, or options that say which are meant", param_hint="ID…")
        for_each_job(job_ids, _cancel_one, as_json, words=_what_became)
        return
    with farm_at_hand() as farm:
        found = farm.cancel_matching(
            jobs=[farm.find_job_id(job_id) for job_id in job_ids or []],
            model=model,
            lane=lane,
            class_name=class_name,
            status=[state.value for state in status or []],
            created_before=utc(before),
            created_after=utc(since),
            text=text,
            project=project,
            all_projects=all_projects,
            dry_run=dry_run,
        )
        if as_json:
            print_json(found)
            return
        what = "would be cancelled" if dry_run else "cancelled"
        renders, jobs = ("render" if found.renders == 1 else "renders"), ("job" if found.jobs == 1 else "jobs")
        rest = f"; what is left of {found.ending:,} of them {_IN_THE_BACKGROUND}" if found.ending else ""
        say(f"{found.renders:,} {renders} of {found.jobs:,} {jobs} {what}{rest}")


def _what_became(job: Job) -> str:
    rest = f"; the rest {_IN_THE_BACKGROUND}" if job.ending else ""
    return f"is {job.status}: {counts(job)}{rest}"


def _cancel_one(farm: FarmClient, job_id: str) -> Job:
    return farm.cancel(job_id)
