"""The page of one picture or clip, and the buttons that have it rendered again to compare, or start from it."""

from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from dashboard.api.post_render_input import add_output
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.forecasts import render_why
from dashboard.reads.gallery.scores import scores_of
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import find_render, neighbours
from dashboard.verification.comparison import compare_with_first, verification
from dashboard.verification.newest import SecondRender, find_newest
from dashboard.verification.words import VerificationWords
from dashboard.web.artifacts import address
from dashboard.web.form.starting_points import model_that_starts, starting_fields
from farm.database import read
from farm.errors import Busy, Conflict, StorageDown
from farm.sentences import sentence
from farm.verification.compare_stored import Compared
from scheduler.admission.submit_verification import submit_verification

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
        second = find_newest(connection, project_id, render.id) if render.finished_at else None
    files = {artifact.kind: artifact for artifact in render.artifacts}
    return render_template(
        "picture.html",
        render=render,
        job=job,
        beside=beside,
        files=files,
        why=why,
        scores=scores,
        verified=_verified(render.id, second) if second else None,
    )


@blueprint.post("/renders/<render_id>/verify")
def verify(render_id: str) -> ResponseReturnValue:
    """Have it rendered again, and go back to where the answer will stand."""
    who = principal()
    render_id = known_form("render", render_id)
    submit_verification(farm(), render_id, project_id=who.project_id, user_id=who.user_id, idempotency_key=None)
    return redirect(url_for("picture.page", render_id=render_id, _anchor="verification"), 303)


@blueprint.post("/renders/<render_id>/start")
def start(render_id: str) -> ResponseReturnValue:
    """Take the output as an upload, and open the form of a model that starts from it. Raises as the API does."""
    with read(farm().engine) as connection:
        project_id = principal().project_id
        render = find_render(connection, project_id, render_id, progress_of=lambda _: {}, address_of=address)
        job = find_job(connection, project_id, render.job_id)
    output = next((file for file in render.artifacts if file.kind == "output"), None)
    entry = None if output is None else model_that_starts(output.content_type, job.model)
    if output is None or entry is None:
        raise Conflict(sentence("No model of this farm starts from this render."))
    row, _ = add_output(render.id)
    filled = starting_fields(entry, output.content_type, row.id, render.parameters)
    return redirect(f"{url_for('submit.show')}?{urlencode(filled)}", 303)


def _verified(render_id: str, second: SecondRender) -> VerificationWords:
    """What comes of a storage that is away stands in its place: the rest of the page is there."""
    why = None
    if second.finished_at is None:
        with read(farm().engine) as connection:
            why = render_why(connection, farm(), principal().project_id, second.id, now())
    try:
        compared = compare_with_first(second)
    except (StorageDown, Busy) as error:
        compared = Compared(None, reason=str(error))
    return VerificationWords(verification(render_id, second, compared), compared, why)
