"""What several verbs take: ids of jobs and renders, names, each with what the shell offers for it; times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from farm.client.files.file_names import FIELDS
from farm.console.completion import complete_any, complete_job, complete_pool, complete_render

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


def utc(typed: datetime | None) -> datetime | None:
    """A time that was typed, with its zone."""
    return typed and typed.replace(tzinfo=UTC)
