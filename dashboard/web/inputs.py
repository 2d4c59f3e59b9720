"""The page of uploaded pictures and adapters."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

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
from farm.pictures import thumbnail_of
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


@blueprint.get("/inputs/<input_id>/thumbnail")
def thumbnail(input_id: str) -> ResponseReturnValue:
    """A picture made small, or the first frame of a clip, under an address whose picture never changes.

    Raises NotFound for what is neither.
    """
    with read(farm().engine) as connection:
        row = uploads.find_input(connection, principal().project_id, known_form("input", input_id))
    if row.width is None:
        raise NotFound(f"Input {row.id} is no picture and no clip.")
    small = _first_frame(row) if row.frames is not None else _picture(row)
    return farm().cpu_work(small), 200, {"Content-Type": "image/webp", "Cache-Control": FOREVER}


def _picture(row: Any) -> Callable[[], bytes]:
    return partial(thumbnail_of, farm().storage.get(row.key))


def _first_frame(row: Any) -> Callable[[], bytes]:
    from farm.clip_posters import beginning, poster_of  # no other page waits for a video library

    return partial(poster_of, beginning(farm().storage.pieces(row.key), row.width, row.height))


def _words(refused: FarmError) -> str:
    if isinstance(refused, InvalidRequest):
        return ". ".join(said(recognised(fault.message)) for fault in refused.faults)
    return said(recognised(word(refused.detail)))


def _page(faults: Sequence[tuple[str, str]] = (), stored: int = 0) -> str:
    """The page with what is wrong, each with the name of its file, and how many files were stored all the same."""
    with read(farm().engine) as connection:
        page = page_of_inputs(connection, principal().project_id, request.args.get("cursor"), PAGE)
    return render_template("inputs.html", page=page, faults=faults, stored=stored, settings=farm().settings)
