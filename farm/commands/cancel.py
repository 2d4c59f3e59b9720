"""`farm cancel`: jobs that nobody wants any more."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.console.speaking import ExitCode, exit_code_of, farm_at_hand, say
from farm.console.watching import counts
from farm.errors import FarmError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(cancel)


def cancel(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of jobs.")],
) -> None:
    """Cancel what has not ended of these jobs; what is done stays. All ids are tried.

    Exit codes: 0 all cancelled or ended before, 2 the farm refused one, 3 the farm does not answer.
    """
    worst = ExitCode.OK
    with farm_at_hand() as farm:
        for job_id in job_ids:
            try:
                job = farm.cancel(job_id)
            except FarmError as error:
                say(f"{job_id}: {error}", "red")
                worst = max(worst, exit_code_of(error))
            else:
                say(f"job {job.id} is {job.status}: {counts(job)}")
    if worst:
        raise typer.Exit(worst)
