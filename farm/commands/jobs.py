"""`farm jobs`: the project's jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.console.session import farm_at_hand, print_json
from farm.console.tables import print_jobs
from farm.lifecycle import JobStatus


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(jobs)


def jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs that are in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as a JSON list.")] = False,
) -> None:
    """List the project's jobs, newest first. In a pipe: lines with tabs between the columns.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = list(farm.jobs(status=status, limit=limit))
        if as_json:
            print_json(found)
        else:
            print_jobs(found, farm.time())
