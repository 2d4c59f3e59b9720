"""GET /api/v1/tags: the tags of the project's renders."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.gallery.marks import used_tags
from dashboard.schemas import TagList
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/tags", tags=[RENDERS], responses={200: TagList, 304: None})
    def get_tags() -> Response:
        """List the tags of the project, those that most renders have first."""
        with read(farm().engine) as connection:
            return tagged(TagList(items=used_tags(connection, principal().project_id)))
