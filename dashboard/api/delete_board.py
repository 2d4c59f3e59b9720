"""DELETE /api/v1/boards/{board_id}: remove a board; its renders stay."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import BOARDS, BoardPath
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from scheduler.gallery.boards import remove_board


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/boards/<board_id>", tags=[BOARDS], responses={204: None})
    def delete_board(path: BoardPath) -> Response:
        """Remove a board; its renders stay."""
        remove_board(farm().engine, principal().project_id, known_form("board", path.board_id))
        return Response(status=204)
