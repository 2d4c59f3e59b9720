"""GET /api/v1/jobs/{job_id}/manifests: all manifests of a job, a line each."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import structlog
from flask import Response, current_app
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api.common import JOBS, JobPath
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http import limits
from dashboard.reads.jobs import find_job
from dashboard.reads.render_files.manifests import StoredManifest, list_manifests
from dashboard.schemas.base import RequestPart
from farm.connections import Connections
from farm.database import read
from farm.errors import DatabaseBusy, FarmError, NotFound
from farm.problems import problem
from farm.storage import Storage

log = structlog.get_logger(__name__)

#: Manifests that are fetched side by side, and wait in memory (some kilobytes each).
_AT_ONCE = 8


class ManifestsQuery(RequestPart):
    """Which manifests."""

    model_config = ConfigDict(extra="forbid")
    after: int = Field(-1, ge=-1, le=2**31 - 1, description="Only of renders with an index above this one")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""
    lines: dict[str, Any] = {
        "description": "A manifest in each line",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }

    @blueprint.get("/jobs/<job_id>/manifests", tags=[JOBS], responses={200: lines})
    def get_job_manifests(path: JobPath, query: ManifestsQuery) -> Response:
        """Read the manifests of all renders that are done as JSONL, in the order of their index.

        They are sent as they are fetched. Where the object storage fails in the middle, the last line is a problem
        document: go on behind the `index` of the line before. A manifest that is not in the storage any more is left
        out.
        """
        project_id = principal().project_id
        with read(farm().engine) as connection:
            job = find_job(connection, project_id, path.job_id)
        turn = ExitStack()
        turn.enter_context(limits.export_turn(current_app, project_id))
        try:
            pages = _pages(farm(), job.id, query.after)
            first = next(pages, b"")  # what fails before anything is sent is an answer of its own
        except BaseException:
            turn.close()
            raise
        response = Response(_lines(first, pages), content_type="application/x-ndjson")
        response.call_on_close(turn.close)
        return response


def _lines(first: bytes, pages: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    try:
        yield from pages
    except (FarmError, SQLAlchemyError) as error:
        told = error if isinstance(error, FarmError) else DatabaseBusy()
        log.warning("export broken off", reason=str(told))
        yield json.dumps(problem(told, "")).encode() + b"\n"


def _pages(connections: Connections, job_id: str, after: int) -> Iterator[bytes]:
    """Some lines at a time. Raises StorageDown."""
    while True:
        with read(connections.engine) as connection:
            found = list_manifests(connection, job_id, after=after, limit=_AT_ONCE)
        if not found:
            return
        yield b"".join(_fetched(connections.storage, found))
        after = found[-1].place


def _fetched(storage: Storage, manifests: Sequence[StoredManifest]) -> Iterator[bytes]:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="manifests") as threads:
        yield from threads.map(lambda manifest: _line(storage, manifest.key), manifests)


def _line(storage: Storage, key: str) -> bytes:
    """The manifest in one line: in JSON a line break stands between two parts and never in one."""
    try:
        return b"".join(storage.get(key).splitlines()) + b"\n"
    except NotFound:
        log.warning("a manifest is not in the storage", key=key)
        return b""
