"""GET /api/v1/boards/{board_id}: one board."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import BOARDS, BoardPath
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.gallery.marks import shown_board
from dashboard.reads.ids import known_form
from dashboard.schemas import Board
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/boards/<board_id>", tags=[BOARDS], responses={200: Board, 304: None})
    def get_board(path: BoardPath) -> Response:
        """Read a board; its renders are `GET /api/v1/renders?board=ID`."""
        with read(farm().engine) as connection:
            return tagged(shown_board(connection, principal().project_id, known_form("board", path.board_id)))
