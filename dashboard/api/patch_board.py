"""PATCH /api/v1/boards/{board_id}: call a board otherwise."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import BOARDS, BoardPath, json_body
from dashboard.api.post_boards import BoardRequest
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.gallery.marks import shown_board
from dashboard.reads.ids import known_form
from dashboard.schemas import Board
from farm.database import read
from scheduler.gallery.boards import rename_board


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.patch(
        "/boards/<board_id>",
        tags=[BOARDS],
        responses={200: Board},
        openapi_extensions=json_body(blueprint, BoardRequest),
    )
    def patch_board(path: BoardPath) -> Response:
        """Give a board another name."""
        asked, who, board_id = BoardRequest.model_validate(read_json()), principal(), known_form("board", path.board_id)
        rename_board(farm().engine, who.project_id, board_id, asked.name)
        with read(farm().engine) as connection:
            return tagged(shown_board(connection, who.project_id, board_id))
