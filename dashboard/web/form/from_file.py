"""The form, filled in with what a picture or clip that was saved says of how it was made."""

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.context import farm
from dashboard.translations.said import gettext, said
from dashboard.translations.stored import recognised
from dashboard.upload_spool import on_disk
from dashboard.web.form.saved_file import Filled, filled_by
from dashboard.web.submit import chosen_model, form_page
from farm.errors import InvalidRequest
from farm.saved_parameters.reading import read_saved

blueprint = Blueprint("from_file", __name__)


@blueprint.get("/submit/from-file")
def show() -> ResponseReturnValue:
    """The empty form: what was filled in was the answer to a file, and who comes by the address alone has none."""
    return redirect(url_for("submit.show"))


@blueprint.post("/submit/from-file")
def take() -> ResponseReturnValue:
    """The form with the parameters of the file; where it has none, as it was, with the reason."""
    entry = chosen_model(request.form.get("model"))
    file = request.files.get("made")
    if file is None or not file.filename:
        return form_page(entry, {}, notices=[gettext("Choose a file first.")]), 422
    try:
        with on_disk(file.stream) as spooled:
            found = filled_by(read_saved(spooled), farm().catalog, entry)
    except InvalidRequest as refused:
        told = [f"{file.filename}: {said(recognised(fault.message))}" for fault in refused.faults]
        return form_page(entry, {}, notices=told), 422
    return form_page(found.entry, found.typed, notices=_told(file.filename, found), remarks=found.remarks)


def _told(name: str, found: Filled) -> list[str]:
    return [gettext("Filled in from %(name)s.", name=name), *map(said, found.notices)]
