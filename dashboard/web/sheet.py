"""The page of a job's contact sheet."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import after_render, read_after_render
from dashboard.reads.jobs import find_job
from dashboard.reads.sheets import MOST_TILES, list_tiles
from farm.database import read

blueprint = Blueprint("sheet", __name__)


@blueprint.get("/jobs/<job_id>/sheet")
def page(job_id: str) -> ResponseReturnValue:
    """One sheet, which the API makes, and the way to the next."""
    after = read_after_render(request.args.get("cursor"))
    with read(farm().engine) as connection:
        job = find_job(connection, principal().project_id, job_id)
        tiles = list_tiles(connection, job.id, after=after, limit=min(MOST_TILES + 1, job.done))
    shown = tiles[:MOST_TILES]
    behind = after_render(shown[-1].index) if len(tiles) > MOST_TILES else None
    return render_template("sheet.html", job=job, after=after, shown=shown, behind=behind)
