"""Versions of what is read and changed: `ETag`, `If-None-Match` and `If-Match` (RFC 9110 §8.8.3 and §13.1).

The tag of a job is "VERSION-HASH": the version of its events, and a hash of the answer, which also tells what has no
event (how many renders run, when it will be done). Who changes a job only has to know the version.
"""

import hashlib

from flask import Flask, Response, request
from pydantic import BaseModel

from dashboard.api.common import reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.jobs import find_job
from dashboard.schemas import Job
from farm.database import read
from farm.errors import Changed
from scheduler.control.expected_version import expect_version

_HASH_CHARS = 16


def tagged(answer: BaseModel, version: int | None = None, status: int = 200, **headers: str) -> Response:
    """An answer with its tag, or 304 where the client has just that. Only for what holds no signed link."""
    response = reply(answer, status, **headers)
    digest = hashlib.sha256(response.get_data()).hexdigest()[:_HASH_CHARS]
    response.set_etag(digest if version is None else f"{version}-{digest}")
    if request.method != "GET":
        return response
    response.headers["Cache-Control"] = "private, no-cache"  # keep it, and ask each time whether it is still so
    response.make_conditional(request)
    return response


def tagged_job(job: Job, status: int = 200, **headers: str) -> Response:
    """A job with its tag."""
    return tagged(job, job.version, status, **headers)


def register(app: Flask) -> None:
    """Look at `If-Match` before a job is changed, whatever the change is, and again in the change's transaction."""

    @app.before_request
    def _check_match() -> None:
        job_id = (request.view_args or {}).get("job_id")
        if job_id is None or request.blueprint != "api" or request.method == "GET" or not request.if_match:
            return
        with read(farm().engine) as connection:
            job = find_job(connection, principal().project_id, job_id)
        if request.if_match.star_tag:
            return
        versions = {int(number) for tag in request.if_match if (number := _version(tag)).isdecimal()}
        if job.version not in versions:
            raise Changed(f"The job is at version {job.version} now; read it again, then decide.")
        expect_version(job.id, versions)

    @app.teardown_request
    def _forget(_: BaseException | None) -> None:
        expect_version(None)


def _version(tag: str | None) -> str:
    return (tag or "").partition("-")[0]  # Werkzeug reads an empty tag, "", as None
