"""What several verbs take by place: ids of jobs and renders, names, each with what the shell offers for it."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.console.completion import complete_any, complete_job, complete_pool, complete_render

_RENDERS = "Ids of renders, as `farm job` and `farm drafts` list them; JOB/3 is a render by its place."

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or last.", autocompletion=complete_job)]
JobIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of jobs.", autocompletion=complete_job)]
RenderIds = Annotated[list[str], typer.Argument(metavar="ID…", help=_RENDERS, autocompletion=complete_render)]
AnyId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of a job or a render, or last.", autocompletion=complete_any)
]
PoolName = Annotated[str, typer.Argument(help="Its name.", autocompletion=complete_pool)]
