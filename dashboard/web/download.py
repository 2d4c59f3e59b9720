"""'Download all' of a job's page, and the downloads of the gallery: of what its filters show, and of what is chosen."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from dashboard.archive.response import chosen_response, gallery_response, job_response
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.web.gallery.filters import leave_out_unknown, read_filters
from farm.client.files.file_names import DEFAULT_PATTERN, GALLERY_PATTERN
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence
from scheduler.gallery.owned_renders import MOST_RENDERS

blueprint = Blueprint("download", __name__)


@blueprint.get("/jobs/<job_id>/archive")
def archive(job_id: str) -> ResponseReturnValue:
    """The archive that the API gives; what is wrong with the pattern comes as a page."""
    return job_response(job_id, request.args.get("name", "").strip() or DEFAULT_PATTERN)


@blueprint.get("/gallery/archive")
def gallery() -> ResponseReturnValue:
    """What the filters of the address show. Raises InvalidRequest for filters that mean nothing, Conflict."""
    typed = read_filters(request.args)
    with read(farm().engine) as connection:
        leave_out_unknown(typed, farm(), connection, principal().project_id)
    if typed.faults:
        raise InvalidRequest([Fault("/query", fault) for fault in typed.faults])
    return gallery_response(typed.chosen, GALLERY_PATTERN)


@blueprint.post("/gallery/archive")
def chosen() -> ResponseReturnValue:
    """What is chosen in the gallery. Raises InvalidRequest, NotFound, Conflict."""
    ids = [known_form("render", one) for one in request.form.getlist("render")]
    if len(ids) > MOST_RENDERS:
        told = sentence("at most %(most)s at once; %(count)s are chosen", most=MOST_RENDERS, count=len(ids))
        raise InvalidRequest([Fault("/render", told)])
    return chosen_response(ids, GALLERY_PATTERN)
