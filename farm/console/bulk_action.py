"""One thing done to many jobs: all of them are tried, and the worst outcome is the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from farm.client import FarmClient, Job
from farm.console.job_progress import counts
from farm.console.session import ExitCode, exit_code_of, farm_at_hand, say
from farm.errors import FarmError


def for_each_job(job_ids: Sequence[str], control: Callable[[FarmClient, str], Job]) -> None:
    """Do it to each job, and say on stderr what became of it."""
    worst = ExitCode.OK
    with farm_at_hand() as farm:
        for job_id in job_ids:
            try:
                job = control(farm, job_id)
            except FarmError as error:
                say(f"{job_id}: {error}", "red")
                worst = max(worst, exit_code_of(error))
            else:
                say(f"job {job.id} is {job.status}: {counts(job)}")
    if worst:
        raise typer.Exit(worst)
