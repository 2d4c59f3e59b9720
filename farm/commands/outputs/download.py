"""`farm download`: the files of a job."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from farm.client.files.file_names import DEFAULT_PATTERN
from farm.console.arguments import FileNamesOption, JobId
from farm.console.session import JsonOption, farm_at_hand, print_json, say


class Kind(StrEnum):
    """What kinds of files a render has, of those that are for people."""

    OUTPUT = "output"
    THUMBNAIL = "thumbnail"
    MANIFEST = "manifest"
    POSTER = "poster"
    LATENTS = "latents"
    ADAPTER = "adapter"
    LOSSES = "losses"
    DRAFT = "draft"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(download)


def download(
    job_id: JobId,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder; by default one named as the job.")
    ] = None,
    kind: Annotated[
        list[Kind] | None,
        typer.Option("--kind", help="What to fetch; give it again for more. Default: output."),
    ] = None,
    name: FileNamesOption = DEFAULT_PATTERN,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="So many files at once.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Fetch what a job has made so far, and print the paths. Files that are there and right are kept.

    Exit codes: 0 all there, 1 some files are missing (run it again), 2 refused by the farm, 3 the farm does
    not answer.
    """
    paths: list[Path] = []

    def show(path: Path) -> None:
        paths.append(path)
        if not as_json:
            print(path, flush=True)

    with farm_at_hand() as farm:
        job = farm.job(farm.find_job_id(job_id))
        kinds = tuple(kind or [Kind.OUTPUT])
        try:
            farm.download(job.id, to or Path(job.id), kinds, on_file=show, parallel=parallel, names=name)
        finally:
            if as_json:
                print_json({"job": job, "files": paths})
        if not job.ended:
            say(f"The job is still {job.status}: {len(paths)} files so far.", "yellow")
