"""GET /api/v1/archive: what a filter of the gallery finds, as one ZIP file."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import RENDERS, Line
from dashboard.api.get_job_archive import ARCHIVE
from dashboard.api.get_renders import GalleryFields
from dashboard.archive.archive import MOST_FILES
from dashboard.archive.response import gallery_response
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.known_names import check_gallery_names
from farm.client.files.file_names import FIELDS, GALLERY_PATTERN
from farm.database import read


class GalleryArchiveQuery(GalleryFields):
    """Which outputs, and what they are called."""

    name: Line = Field(
        GALLERY_PATTERN,
        description=f"What files are called, such as '{{job}}/{{index:04d}}.{{ext}}'; there are {', '.join(FIELDS)}",
    )
    before: str | None = Field(
        None, description="Only of renders older than this one", json_schema_extra={"format": "uuid"}
    )
    limit: int = Field(MOST_FILES, ge=1, le=MOST_FILES, description="Most outputs in the archive")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/archive", tags=[RENDERS], responses={200: ARCHIVE})
    def get_archive(query: GalleryArchiveQuery) -> Response:
        """Download the outputs of all finished renders that the query chooses, as in GET /renders, newest first.

        Of a job its first 20,000 renders are looked at, else the newest 20,000. It is sent as it is made, each file
        only after its sha256 was right. A file that is broken or gone is left out, and NOT-COMPLETE.txt inside says
        so; also where the archive had to end before its time, and with which `before` to go on. 409 where nothing is
        found.
        """
        chosen = query.chosen()
        with read(farm().engine) as connection:
            check_gallery_names(farm(), connection, principal().project_id, chosen)
        before = None if query.before is None else known_form("render", query.before)
        return gallery_response(chosen, query.name, before=before, limit=query.limit)
