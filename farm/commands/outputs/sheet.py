"""`farm sheet`: all outputs of a job on one picture."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from farm.client import FarmClient, Render
from farm.console.arguments import JobId
from farm.console.output import answer
from farm.console.session import JsonOption, farm_at_hand, say
from farm.contact_sheet import FORMATS, MOST_CELLS, Cell, contact_sheet, encode_sheet, line_below, shrunk
from farm.errors import NotFound

#: Thumbnails are as large as this; larger cells are made from the outputs themselves.
_THUMBNAIL_EDGE = 320


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sheet)


def sheet(
    job_id: JobId,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="By default ID.jpg; the suffix says the format.")
    ] = None,
    cell: Annotated[int, typer.Option(min=32, max=2048, help="Pixels of a picture's longer edge, at most.")] = 320,
    columns: Annotated[int | None, typer.Option(min=1, help="By default as many as make it square.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Put what a job has made so far on one sheet, and print its path. Pictures are never enlarged.

    Exit codes: 0, 1 some files are missing (run it again), 2 wrong usage or nothing is done yet, 3 the farm does not
    answer.
    """
    if to is not None and to.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"the suffix must be one of {', '.join(FORMATS)}", param_hint="--to")
    with farm_at_hand() as farm, tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        job_id = farm.find_job_id(job_id)
        path = to or Path(f"{job_id}.jpg")
        done = (render for render in farm.renders(job_id) if render.status == "done")
        shown = list(itertools.islice(done, MOST_CELLS + 1))
        if not shown:
            raise NotFound(f"The job {job_id} has no output yet.")
        if len(shown) > MOST_CELLS:
            say(f"Only the first {MOST_CELLS} outputs fit.", "yellow")
        cells = [_cell(farm, render, Path(folder), cell) for render in shown[:MOST_CELLS]]
        path.write_bytes(encode_sheet(contact_sheet(cells, columns=columns), path.suffix))
    answer(as_json, {"file": path, "cells": len(cells)}, str(path))


def _cell(farm: FarmClient, render: Render, folder: Path, edge: int) -> Cell:
    kinds = {artifact.kind: artifact for artifact in render.artifacts or farm.find_render(render.id).artifacts or []}
    large = "poster" if "poster" in kinds else "output"
    kind = large if edge > _THUMBNAIL_EDGE and large in kinds else "thumbnail"
    [picture] = farm.download_render(render.id, folder, (kind,))
    seed = render.parameters.get("seed")
    return Cell(shrunk(picture, edge), line_below(render.index, seed=seed, score=render.score, kept=render.kept))
