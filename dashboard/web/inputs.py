"""The page of uploaded pictures and adapters."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.inputs import page_of_inputs
from dashboard.translations.said import gettext, said, word
from dashboard.translations.stored import recognised
from dashboard.upload_spool import on_disk
from farm.database import read
from farm.errors import FarmError, InvalidRequest, TooLarge
from scheduler import uploads

blueprint = Blueprint("inputs", __name__)

PAGE = 60


@blueprint.get("/inputs")
def index() -> ResponseReturnValue:
    """One page of the project's files, newest first, and a form for one more."""
    return _page()


@blueprint.post("/inputs")
def add() -> ResponseReturnValue:
    """Store what was chosen; what is wrong with it stands above the list."""
    chosen = request.files.get("picture")
    if chosen is None or not chosen.filename:
        return _page(gettext("Choose a file first.")), 422
    try:
        with on_disk(chosen.stream) as file:
            uploads.add_input(farm(), principal().project_id, chosen.filename, file)
    except InvalidRequest as refused:
        return _page(". ".join(said(recognised(fault.message)) for fault in refused.faults)), refused.status
    except TooLarge as refused:
        return _page(said(recognised(word(refused.detail)))), refused.status
    return redirect(url_for("inputs.index"), 303)


@blueprint.post("/inputs/<input_id>/remove")
def remove(input_id: str) -> ResponseReturnValue:
    """Remove one."""
    try:
        uploads.remove_input(farm(), principal().project_id, known_form("input", input_id))
    except FarmError as refused:
        if refused.status != 409:
            raise
        return _page(word(refused.detail)), refused.status
    return redirect(url_for("inputs.index"), 303)


@blueprint.get("/inputs/<input_id>/file")
def fetch(input_id: str) -> ResponseReturnValue:
    """Lead to the file."""
    with read(farm().engine) as connection:
        row = uploads.find_input(connection, principal().project_id, known_form("input", input_id))
    answer = redirect(farm().storage.link(row.key), 302)
    answer.headers["Cache-Control"] = f"private, max-age={farm().settings.link_seconds // 2}"
    return answer


def _page(fault: str | None = None) -> str:
    with read(farm().engine) as connection:
        page = page_of_inputs(connection, principal().project_id, request.args.get("cursor"), PAGE)
    return render_template("inputs.html", page=page, fault=fault, settings=farm().settings)
