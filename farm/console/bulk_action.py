"""One thing done to many jobs: all of them are tried, and the worst outcome is the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from farm.client import FarmClient, Job
from farm.console.job_progress import counts
from farm.console.session import ExitCode, exit_code_of, farm_at_hand, print_error, print_json, say
from farm.errors import FarmError


def for_each_job(
    job_ids: Sequence[str],
    control: Callable[[FarmClient, str], Job],
    as_json: bool = False,
    *,
    words: Callable[[Job], str] = lambda job: f"is {job.status}: {counts(job)}",
    deleted: bool = False,
) -> None:
    """Do it to each job, and say on stderr what became of it; as JSON the jobs are a list on stdout.

    `words`: what became of a job; `deleted`: parts of ids are those of jobs that were deleted.
    """
    worst = ExitCode.OK
    controlled: list[Job] = []
    with farm_at_hand() as farm:
        for job_id in job_ids:
            try:
                job = control(farm, farm.find_job_id(job_id, deleted=deleted))
            except FarmError as error:
                print_error(error, job_id)
                worst = max(worst, exit_code_of(error))
            else:
                controlled.append(job)
                if not as_json:
                    say(f"job {job.id} {words(job)}")
    if as_json:
        print_json(controlled)
    if worst:
        raise typer.Exit(worst)
