"""The buttons of a job's page that change how it waits, and whether it stays."""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from scheduler.control import change_priority_class as reclass
from scheduler.control.cancel import cancel_render
from scheduler.control.choose_drafts import Siblings, keep_drafts
from scheduler.control.delete_job import delete_job, restore_job
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.reorder import Place, reorder_job

blueprint = Blueprint("job_controls", __name__)


@blueprint.post("/jobs/<job_id>/pause")
def pause(job_id: str) -> ResponseReturnValue:
    """Hold what waits."""
    pause_job(farm(), known_form("job", job_id), principal().project_id)
    return _back_to(job_id)


@blueprint.post("/jobs/<job_id>/resume")
def resume(job_id: str) -> ResponseReturnValue:
    """Go on."""
    resume_job(farm(), known_form("job", job_id), principal().project_id)
    return _back_to(job_id)


@blueprint.post("/jobs/<job_id>/front")
def to_front(job_id: str) -> ResponseReturnValue:
    """Before the project's other jobs for this model and class."""
    place = Place.FRONT
    reorder_job(farm(), known_form("job", job_id), principal().project_id, place=place)
    return _back_to(job_id)


@blueprint.post("/jobs/<job_id>/class")
def change_class(job_id: str) -> ResponseReturnValue:
    """Another class."""
    chosen = request.form.get("class", "")[:20]
    reclass.change_class(farm(), known_form("job", job_id), chosen, principal().project_id)
    return _back_to(job_id)


@blueprint.post("/jobs/<job_id>/keep")
def keep(job_id: str) -> ResponseReturnValue:
    """A draft goes on; its siblings may end."""
    chosen, stop = request.form.getlist("render"), request.form.get("stop")
    siblings = Siblings(stop) if stop in list(Siblings) else None
    keep_drafts(farm(), known_form("job", job_id), chosen, principal().project_id, stop=siblings)
    return _back_to(job_id)


@blueprint.post("/jobs/<job_id>/drop")
def drop(job_id: str) -> ResponseReturnValue:
    """A draft that nobody wants ends."""
    render_id = request.form.get("render", "")[:40]
    cancel_render(farm(), known_form("render", render_id), principal().project_id)
    return _back_to(job_id)


@blueprint.post("/jobs/<job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """An ended job leaves the lists, and goes with its files after a day; its page has a button that undoes it."""
    delete_job(farm(), known_form("job", job_id), principal().project_id)
    return _back_to(job_id)


@blueprint.post("/jobs/<job_id>/restore")
def restore(job_id: str) -> ResponseReturnValue:
    """A deleted job stays after all."""
    restore_job(farm(), known_form("job", job_id), principal().project_id)
    return _back_to(job_id)


def _back_to(job_id: str) -> ResponseReturnValue:
    return redirect(url_for("job.page", job_id=job_id), 303)
