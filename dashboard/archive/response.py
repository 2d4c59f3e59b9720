"""The answer that is an archive: for the API and for the button of a job's page."""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

from flask import Response, current_app
from sqlalchemy import Connection

from dashboard import schemas
from dashboard.archive.job_archive import MOST_FILES, job_archive
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http import limits
from dashboard.reads.jobs import find_job
from farm.client.files.file_names import NamePattern, safe_name
from farm.database import read
from farm.errors import Conflict

ZIP = "application/zip"


def archive_response(job_id: str, pattern: str, *, after: int = -1, limit: int = MOST_FILES) -> Response:
    """The outputs of a job of this project, sent while they are fetched.

    Raises InvalidRequest for what is no pattern, NotFound, Conflict for a deleted job and while nothing is done, Busy,
    StorageDown.
    """
    names, project_id = NamePattern(pattern), principal().project_id
    with read(farm().engine) as connection:
        job = _job(connection, project_id, job_id)
    turn = ExitStack()
    turn.enter_context(limits.export_turn(current_app, project_id))
    try:
        pieces = job_archive(farm(), job.id, names, after=after, limit=limit)
        first = next(pieces)  # what fails before anything is sent is an answer of its own
    except BaseException:
        turn.close()
        raise
    response = Response(_all(first, pieces), content_type=ZIP)
    file = f"{safe_name(job.title, 80)}-{job.id[-8:]}.zip"
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file, safe='')}"
    response.call_on_close(turn.close)
    return response


def _job(connection: Connection, project_id: str, job_id: str) -> schemas.Job:
    job = find_job(connection, project_id, job_id)
    if job.delete_at is not None:
        raise Conflict("This job was deleted. Restore it, then download its outputs.")
    if not job.done:
        raise Conflict("Nothing of this job is done (yet), so there is nothing to download.")
    return job


def _all(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
