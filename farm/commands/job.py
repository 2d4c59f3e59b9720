"""`farm job`: one job and its renders, once or as it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated

import typer

from farm.client import Job, JobProgress, Render
from farm.console.arguments import EndedBefore, EndedSince, JobId, utc
from farm.console.durations import in_words
from farm.console.job_progress import counts, exit_code_after, watch
from farm.console.quote_text import cost_in_words
from farm.console.session import ExitCode, clean, farm_at_hand, out, print_json, say
from farm.console.tables import print_renders
from farm.lifecycle import RenderStatus


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(job)


def job(
    job_id: JobId,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many of its renders, the first ones.")] = 100,
    status: Annotated[
        list[RenderStatus] | None, typer.Option(help="Only its renders in this state; give it again for more states.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Only its renders with this text in the prompt.")] = None,
    ended_since: EndedSince = None,
    ended_before: EndedBefore = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show it live until it has ended.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON; with --follow one line for each change of the job.")
    ] = False,
) -> None:
    """Show a job and its renders; with --json all of them, however many there are.

    Of its renders those are shown for which all that the options say holds.

    Exit codes: 0 (with --follow: done), 1 the followed job did not end as done, 2 refused by the farm, 3 the
    farm does not answer, 130 Ctrl-C (the job goes on).
    """
    with farm_at_hand() as farm:
        found = farm.job(farm.find_job_id(job_id))
        code = ExitCode.OK
        if follow:
            [found] = watch(farm, [found], _JsonLines() if as_json else None)
            code = exit_code_after([found])
        renders = partial(
            farm.renders,
            found.id,
            status=status,
            text=text,
            finished_after=utc(ended_since),
            finished_before=utc(ended_before),
        )
        if as_json and not follow:
            print_json({"job": found, "renders": renders()})
        elif not as_json:
            _print_job(found, renders(limit=limit))
            if found.total > limit and any((status, text, ended_since, ended_before)):
                say(f"Of those that were asked for, at most {limit:,} are shown; for more: --limit {found.total}")
            elif found.total > limit:
                more = f"farm job {found.id} --limit {found.total}"
                say(f"These are {limit:,} of {found.total:,} renders; for more: {more}")
        if code:
            say(f"The job ended as {found.status}.", "red")
            raise typer.Exit(code)


class _JsonLines:
    """The job as a line of JSON whenever it changed."""

    def __init__(self) -> None:
        self._version = -1

    def __enter__(self) -> _JsonLines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, progress: JobProgress) -> None:
        if progress.job.version > self._version:
            self._version = progress.job.version
            print_json(progress.job)


def _print_job(found: Job, renders: Iterator[Render]) -> None:
    console = out()
    console.print(clean(f"job {found.id}: {found.title}").replace("\n", " "))
    console.print(clean(f"{found.model}, {found.class_name}: {found.status}; {counts(found)}"))
    if found.spent.gpu_seconds:
        console.print(clean(f"cost so far: {cost_in_words(found.spent)}"))
    if found.forecast is not None and found.forecast.done_in is not None:
        console.print(clean(f"done in {in_words(found.forecast.done_in)}; why it takes so long: farm why {found.id}"))
    print_renders(renders)
