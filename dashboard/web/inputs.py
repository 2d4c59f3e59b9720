"""The page of uploaded pictures and adapters."""

from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.inputs import page_of_inputs
from dashboard.translations.said import gettext, said, word
from dashboard.translations.stored import recognised
from dashboard.upload_spool import on_disk
from dashboard.web.artifacts import FOREVER
from farm.database import read
from farm.errors import FarmError, InvalidRequest, NotFound
from scheduler import uploads

blueprint = Blueprint("inputs", __name__)

PAGE = 60


@blueprint.get("/inputs")
def index() -> ResponseReturnValue:
    """One page of the project's files, newest first, and a form for more."""
    return _page()


@blueprint.post("/inputs")
def add() -> ResponseReturnValue:
    """Store what was chosen; what is wrong with a file stands above the list, by its name, and keeps no other out."""
    chosen = [file for file in request.files.getlist("picture") if file.filename]
    if not chosen:
        return _page([("", gettext("Choose a file first."))]), 422
    faults, status = [], 303
    for file in chosen:
        try:
            with on_disk(file.stream) as spooled:
                uploads.add_input(farm(), principal().project_id, file.filename or "", spooled)
        except FarmError as refused:
            faults.append((file.filename or "", _words(refused)))
            status = max(status, refused.status)
    if not faults:
        return redirect(url_for("inputs.index"), 303)
    return _page(faults, stored=len(chosen) - len(faults)), status


@blueprint.post("/inputs/<input_id>/remove")
def remove(input_id: str) -> ResponseReturnValue:
    """Remove one."""
    try:
        uploads.remove_input(farm(), principal().project_id, known_form("input", input_id))
    except FarmError as refused:
        if refused.status != 409:
            raise
        return _page([("", word(refused.detail))]), refused.status
    return redirect(url_for("inputs.index"), 303)


@blueprint.get("/inputs/<input_id>/file")
def fetch(input_id: str) -> ResponseReturnValue:
    """Lead to the file."""
    with read(farm().engine) as connection:
        row = uploads.find_input(connection, principal().project_id, known_form("input", input_id))
    answer = redirect(farm().storage.link(row.key), 302)
    answer.headers["Cache-Control"] = f"private, max-age={farm().settings.link_seconds // 2}"
    return answer


@blueprint.get("/inputs/<input_id>/poster")
def poster(input_id: str) -> ResponseReturnValue:
    """The first frame of a clip, under an address whose picture never changes. Raises NotFound for what is no clip."""
    with read(farm().engine) as connection:
        row = uploads.find_input(connection, principal().project_id, known_form("input", input_id))
    if row.frames is None:
        raise NotFound(f"Input {row.id} is no clip.")
    from farm.clip_posters import beginning, poster_of  # no other page waits for a video library

    begin = beginning(farm().storage.pieces(row.key), row.width, row.height)
    made = farm().cpu_work(lambda: poster_of(begin))
    return made, 200, {"Content-Type": "image/webp", "Cache-Control": FOREVER}


def _words(refused: FarmError) -> str:
    if isinstance(refused, InvalidRequest):
        return ". ".join(said(recognised(fault.message)) for fault in refused.faults)
    return said(recognised(word(refused.detail)))


def _page(faults: Sequence[tuple[str, str]] = (), stored: int = 0) -> str:
    """The page with what is wrong, each with the name of its file, and how many files were stored all the same."""
    with read(farm().engine) as connection:
        page = page_of_inputs(connection, principal().project_id, request.args.get("cursor"), PAGE)
    return render_template("inputs.html", page=page, faults=faults, stored=stored, settings=farm().settings)
