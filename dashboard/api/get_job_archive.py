"""GET /api/v1/jobs/{job_id}/archive: all outputs of a job as one ZIP file."""

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import JOBS, JobPath, Line
from dashboard.archive.archive import MOST_FILES
from dashboard.archive.response import ZIP, job_response
from dashboard.schemas.base import RequestPart
from farm.client.files.file_names import DEFAULT_PATTERN, FIELDS

#: How the OpenAPI document describes the answer.
ARCHIVE: dict[str, Any] = {
    "description": "A ZIP file (ZIP64 where it has to be), without compression: pictures and clips have their own",
    "content": {ZIP: {"schema": {"type": "string", "format": "binary"}}},
}


class ArchiveQuery(RequestPart):
    """Which outputs, and what they are called."""

    model_config = ConfigDict(extra="forbid")
    name: Line = Field(
        DEFAULT_PATTERN,
        description=f"What files are called, such as '{{seed}}/{{index:04d}}.{{ext}}'; there are {', '.join(FIELDS)}",
    )
    after: int = Field(-1, ge=-1, le=2**31 - 1, description="Only of renders with an index above this one")
    limit: int = Field(MOST_FILES, ge=1, le=MOST_FILES, description="Most outputs in the archive")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>/archive", tags=[JOBS], responses={200: ARCHIVE})
    def get_job_archive(path: JobPath, query: ArchiveQuery) -> Response:
        """Download the outputs of all renders that are done, in the order of their index.

        It is sent as it is made, each file only after its sha256 was right. A file that is broken or gone is left out,
        and NOT-COMPLETE.txt inside says so; also where the archive had to end before its time, and with which `after`
        to go on. 409 for a deleted job, and while nothing is done.
        """
        return job_response(path.job_id, query.name, after=query.after, limit=query.limit)
