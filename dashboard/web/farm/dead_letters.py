"""The page of renders that failed for good."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import may, principal, require
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.dead_letters import list_dead_letters
from dashboard.reads.ids import known_form
from farm.database import read
from farm.security import Scope
from scheduler.control.dead_letters import LetterFilter, retry_letters

blueprint = Blueprint("dead_letters", __name__)

PAGE = 30


@blueprint.get("/dead-letters")
def index() -> ResponseReturnValue:
    """One page of the project's failed renders, newest first; operators may see those of all."""
    operator = may(Scope.OPERATE)
    everybody = operator and request.args.get("show") == "all"
    cursor = request.args.get("cursor")
    with read(farm().engine) as connection:
        letters, more = list_dead_letters(
            connection,
            LetterFilter(project_id=None if everybody else principal().project_id),
            before=read_older_than(NewestFirst.FAILED_RENDERS, cursor),
            limit=PAGE,
            for_operator=operator,
        )
    return render_template(
        "dead_letters.html",
        letters=letters,
        operator=operator,
        everybody=everybody,
        first_page=cursor is None,
        older=older_than(NewestFirst.FAILED_RENDERS, letters[-1].render_id) if more else None,
    )


@blueprint.post("/dead-letters/retry")
def retry() -> ResponseReturnValue:
    """Try one render again, or all that the page shows."""
    everybody = request.form.get("show") == "all"
    if everybody:
        require(Scope.OPERATE)
    render_id = request.form.get("render")
    chosen = LetterFilter(
        project_id=None if everybody else principal().project_id,
        render_ids=(known_form("render", render_id),) if render_id else (),
    )
    retry_letters(farm(), chosen)
    return redirect(url_for("dead_letters.index", show="all" if everybody else None), 303)
