"""GET /api/v1/boards: the project's boards."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import BOARDS
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.gallery.marks import shown_boards
from dashboard.schemas import BoardList
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/boards", tags=[BOARDS], responses={200: BoardList, 304: None})
    def get_boards() -> Response:
        """List the boards of the project by name."""
        with read(farm().engine) as connection:
            return tagged(BoardList(items=shown_boards(connection, principal().project_id)))
