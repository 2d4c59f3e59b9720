"""'Download all' of a job's page."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from dashboard.archive.response import archive_response
from farm.client.files.file_names import DEFAULT_PATTERN

blueprint = Blueprint("download", __name__)


@blueprint.get("/jobs/<job_id>/archive")
def archive(job_id: str) -> ResponseReturnValue:
    """The archive that the API gives; what is wrong with the pattern comes as a page."""
    return archive_response(job_id, request.args.get("name", "").strip() or DEFAULT_PATTERN)
