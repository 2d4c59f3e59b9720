"""The queue: one's project's jobs in the order in which they are served, to be put in another order."""

from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import may, principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.queue import read_queue
from farm.database import read
from farm.errors import Conflict, Fault, InvalidRequest
from farm.security import Scope
from farm.sentences import sentence
from scheduler.control.reorder import Place, reorder_job

blueprint = Blueprint("queue", __name__)

#: Moved with one click.
MOST_AT_ONCE = 100


@blueprint.get("/queue")
def index() -> ResponseReturnValue:
    """The lines, each with its jobs."""
    with read(farm().engine) as connection:
        lines = read_queue(connection, principal().project_id)
    return render_template("queue.html", lines=lines, may_move=may(Scope.SUBMIT))


@blueprint.post("/queue")
def move() -> ResponseReturnValue:
    """Put the chosen jobs elsewhere in their lines; what ended meanwhile stays where it is."""
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
    elif do in ("up", "down") and other:
        _step(known_form("job", other), up=do == "up")
    else:
        told = sentence("is nothing that the queue can do: %(seen)s", seen=ascii(do[:40]))
        raise InvalidRequest([Fault("/do", told)])
    return redirect(url_for("queue.index"), 303)


def _put(chosen: Sequence[str], *, place: Place | None = None, before: str | None = None) -> None:
    """Several keep their order among themselves."""
    for job_id in reversed(chosen) if place is Place.FRONT else chosen:
        if job_id == before:
            continue
        try:
            reorder_job(farm(), job_id, principal().project_id, place=place, before=before)
        except Conflict:
            if len(chosen) == 1:
                raise


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
