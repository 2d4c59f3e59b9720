"""The answer that is an archive: for the API, and for the buttons of a job's page and of the gallery."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from urllib.parse import quote

from flask import Response, current_app
from sqlalchemy import Connection

from dashboard import schemas
from dashboard.archive.archive import MOST_FILES, OutputSource, archive_of
from dashboard.archive.sources import ChosenOutputs, JobOutputs
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http import limits
from dashboard.reads.gallery.listing import GalleryFilter, newest_ids
from dashboard.reads.jobs import find_job
from farm.client.files.file_names import NamePattern, safe_name
from farm.database import read
from farm.errors import Conflict
from scheduler.gallery.owned_renders import check_owned

ZIP = "application/zip"


def job_response(job_id: str, pattern: str, *, after: int = -1, limit: int = MOST_FILES) -> Response:
    """The outputs of a job of this project, sent while they are fetched.

    Raises InvalidRequest for what is no pattern, NotFound, Conflict for a deleted job and while nothing is done, Busy,
    StorageDown.
    """
    names = NamePattern(pattern)
    with read(farm().engine) as connection:
        job = _job(connection, principal().project_id, job_id)
    return _sent(JobOutputs(farm(), job.id), names, f"{safe_name(job.title, 80)}-{job.id[-8:]}", str(after), limit)


def gallery_response(
    chosen: GalleryFilter, pattern: str, *, before: str | None = None, limit: int = MOST_FILES
) -> Response:
    """The outputs that a filter of the gallery finds, newest first, behind the render `before`.

    Raises as the other does, and Conflict where it finds nothing.
    """
    with read(farm().engine) as connection:
        ids = newest_ids(connection, principal().project_id, chosen, before=before)
    return _of_gallery(ids, pattern, limit)


def chosen_response(render_ids: Sequence[str], pattern: str) -> Response:
    """The outputs of these renders. Raises as the others do."""
    with read(farm().engine) as connection:
        check_owned(connection, principal().project_id, render_ids)
    return _of_gallery(list(dict.fromkeys(render_ids)), pattern, MOST_FILES)


def _of_gallery(render_ids: list[str], pattern: str, limit: int) -> Response:
    names, source = NamePattern(pattern), ChosenOutputs(farm(), render_ids)
    if not source.behind("", 1):
        raise Conflict("Nothing is found that keeps its output, so there is nothing to download.")
    today = datetime.fromtimestamp(farm().clock(), UTC)
    return _sent(source, names, f"gallery-{today:%Y-%m-%d}", "", limit)


def _sent(source: OutputSource, names: NamePattern, title: str, start: str, limit: int) -> Response:
    """Sends it while it is made, in a turn of the project."""
    turn = ExitStack()
    turn.enter_context(limits.export_turn(current_app, principal().project_id))
    try:
        pieces = archive_of(farm(), source, names, start=start, limit=limit)
        first = next(pieces)  # what fails before anything is sent is an answer of its own
    except BaseException:
        turn.close()
        raise
    response = Response(_all(first, pieces), content_type=ZIP)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(f'{title}.zip', safe='')}"
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
