"""The page of a job's contact sheet."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import after_render, read_after_render
from dashboard.grid.sheet import read_grid_sheet
from dashboard.reads.jobs import find_job
from dashboard.reads.render_files.sheets import MOST_TILES, list_tiles
from farm.database import read

blueprint = Blueprint("sheet", __name__)


@blueprint.get("/jobs/<job_id>/sheet")
def page(job_id: str) -> ResponseReturnValue:
    """One sheet, which the API makes, and the way to the next."""
    if "x" in request.args:
        return _grid_page(job_id)
    after = read_after_render(request.args.get("cursor"))
    with read(farm().engine) as connection:
        job = find_job(connection, principal().project_id, job_id)
        tiles = list_tiles(connection, job.id, after=after, limit=min(MOST_TILES + 1, job.done))
    shown = tiles[:MOST_TILES]
    behind = after_render(shown[-1].index) if len(tiles) > MOST_TILES else None
    return render_template("sheet.html", job=job, after=after, shown=shown, behind=behind)


def _grid_page(job_id: str) -> ResponseReturnValue:
    with read(farm().engine) as connection:
        job = find_job(connection, principal().project_id, job_id)
        sheet = read_grid_sheet(connection, job, request.args)
    shown = sheet.shown
    done = sum(cell.key is not None for cell in sheet.cells.values())
    picture = f"/api/v1/jobs/{job.id}/sheet?{urlencode(_given(shown.address(view=None)), doseq=True)}"
    return render_template("grid_sheet.html", job=job, it=shown, picture=picture, done=done, all=len(sheet.cells))


def _given(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if value is not None}
