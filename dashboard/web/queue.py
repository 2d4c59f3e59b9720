"""The queue: what runs of one's project, what is next and why not yet; jobs are moved, held and ended from it."""

from collections.abc import Callable, Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import may, principal
from dashboard.context import farm, now
from dashboard.reads.forecasts import job_why
from dashboard.reads.ids import known_form
from dashboard.reads.queue import read_queue, running_of
from farm.database import read
from farm.errors import Conflict, Fault, InvalidRequest
from farm.security import Scope
from farm.sentences import sentence
from scheduler.control.cancel import cancel_job
from scheduler.control.change_priority_class import change_class
from scheduler.control.pause_job import pause_job, resume_job
from scheduler.control.reorder import Place, reorder_job

blueprint = Blueprint("queue", __name__)

#: Moved with one click.
MOST_AT_ONCE = 100
#: Jobs of which the page says why they wait and when they are done: each takes a dozen statements.
MOST_EXPLAINED = 12


@blueprint.get("/queue")
def index() -> ResponseReturnValue:
    """The lines, each with its jobs, and what runs of them."""
    project_id = principal().project_id
    with read(farm().engine) as connection:
        lines = read_queue(connection, project_id)
        running = running_of(connection, project_id)
        first = [job.id for line in lines for job in line.jobs][:MOST_EXPLAINED]
        why = {job: job_why(connection, farm(), project_id, job, now()) for job in first}
    return render_template(
        "queue.html",
        lines=lines,
        running=running,
        why=why,
        classes=list(farm().settings.class_shares),
        may_move=may(Scope.SUBMIT),
    )


@blueprint.post("/queue")
def move() -> ResponseReturnValue:
    """Put the chosen jobs elsewhere in their lines, hold or end them; what ended meanwhile stays as it is."""
    chosen = [known_form("job", job) for job in request.form.getlist("job")]
    if len(chosen) > MOST_AT_ONCE:
        told = sentence("at most %(most)s at once; %(count)s are chosen", most=MOST_AT_ONCE, count=len(chosen))
        raise InvalidRequest([Fault("/job", told)])
    do, _, other = request.form.get("do", "").partition(":")
    if do == "before":
        _put(chosen, before=known_form("job", other))
    elif do == "after" and chosen:
        _put(chosen, before=known_form("job", other))
        _put([other], before=chosen[0])
    elif do in (Place.FRONT, Place.BACK):
        _put(chosen, place=Place(do))
    elif (change := _CHANGES.get(do)) is not None:
        _each(chosen, lambda job_id: change(job_id, other))
    elif do in ("up", "down") and other:
        _step(known_form("job", other), up=do == "up")
    else:
        told = sentence("is nothing that the queue can do: %(seen)s", seen=ascii(do[:40]))
        raise InvalidRequest([Fault("/do", told)])
    return redirect(url_for("queue.index"), 303)


def _pause(job_id: str, _: str) -> None:
    pause_job(farm(), job_id, principal().project_id)


def _resume(job_id: str, _: str) -> None:
    resume_job(farm(), job_id, principal().project_id)


def _cancel(job_id: str, _: str) -> None:
    cancel_job(farm(), job_id, principal().project_id)


def _to_class(job_id: str, class_name: str) -> None:
    change_class(farm(), job_id, class_name[:20], principal().project_id)


#: What a button does with each of the chosen jobs, besides putting it elsewhere.
_CHANGES: dict[str, Callable[[str, str], None]] = {
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
    "class": _to_class,
}


def _each(chosen: Sequence[str], change: Callable[[str], object]) -> None:
    """One that ended meanwhile keeps none of the others back."""
    for job_id in chosen:
        try:
            change(job_id)
        except Conflict:
            if len(chosen) == 1:
                raise


def _put(chosen: Sequence[str], *, place: Place | None = None, before: str | None = None) -> None:
    """Several keep their order among themselves."""
    order = reversed(chosen) if place is Place.FRONT else chosen
    moved = [job_id for job_id in order if job_id != before]
    _each(moved, lambda job_id: reorder_job(farm(), job_id, principal().project_id, place=place, before=before))


def _step(job_id: str, *, up: bool) -> None:
    """One place up or down in its line."""
    with read(farm().engine) as connection:
        lines = read_queue(connection, principal().project_id)
    for line in lines:
        ids = [job.id for job in line.jobs]
        if job_id not in ids:
            continue
        at = ids.index(job_id)
        if up and at > 0:
            _put([job_id], before=ids[at - 1])
        elif not up and at + 1 < len(ids):
            _put([ids[at + 1]], before=job_id)
