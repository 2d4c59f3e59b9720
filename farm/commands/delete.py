"""`farm delete` and `farm restore`: ended jobs that nobody needs any more, and those that somebody does after all."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.client import FarmClient, Job
from farm.console.arguments import JobIds
from farm.console.bulk_action import for_each_job
from farm.console.session import JsonOption


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(delete)
    app.command()(restore)


def delete(
    job_ids: JobIds,
    keep_seconds: Annotated[
        float | None,
        typer.Option(
            "--keep-seconds", min=0, help="So long they can be restored; 0 removes them now. By default a day."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Have ended jobs removed with their files, a day later; `farm restore` keeps them until then.

    They leave the lists now: `farm jobs --deleted` lists them. Exit codes: 0, 2 the farm refused one, such as one
    that goes on, 3 the farm does not answer.
    """
    for_each_job(
        job_ids, lambda farm, job_id: farm.delete(job_id, keep_seconds=keep_seconds), as_json, words=_removed_when
    )


def restore(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of deleted jobs: `farm jobs --deleted`.")],
    as_json: JsonOption = False,
) -> None:
    """Keep jobs that were deleted and are not removed yet.

    `last` is the newest deleted job. Exit codes: 0, 2 the farm refused one, 3 the farm does not answer.
    """
    for_each_job(job_ids, FarmClient.restore, as_json, words=lambda _: "stays", deleted=True)


def _removed_when(job: Job) -> str:
    when = "" if job.delete_at is None else f" at {job.delete_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"is removed{when}; until then: farm restore {job.id}"
