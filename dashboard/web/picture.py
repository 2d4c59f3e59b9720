"""The page of one picture or clip."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.forecasts import render_why
from dashboard.reads.gallery.scores import scores_of
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import find_render, neighbours
from dashboard.web.artifacts import address
from farm.database import read

blueprint = Blueprint("picture", __name__)


@blueprint.get("/renders/<render_id>")
def page(render_id: str) -> ResponseReturnValue:
    """The output at full size, its parameters, and the ways on from it."""
    project_id = principal().project_id
    with read(farm().engine) as connection:
        render = find_render(
            connection,
            project_id,
            render_id,
            progress_of=farm().progress.snapshot,
            address_of=address,
        )
        job = find_job(connection, project_id, render.job_id)
        beside = neighbours(connection, job.id, render.index)
        scores = scores_of(connection, render.id)
        why = None if render.finished_at else render_why(connection, farm(), project_id, render.id, now())
    files = {artifact.kind: artifact for artifact in render.artifacts}
    return render_template("picture.html", render=render, job=job, beside=beside, files=files, why=why, scores=scores)
