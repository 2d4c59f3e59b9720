"""POST /api/v1/boards: a new board."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import BOARDS, Name, json_body
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.http.bodies import read_json
from dashboard.reads.gallery.marks import shown_board
from dashboard.schemas import Board
from farm.database import read
from scheduler.gallery.boards import create_board


class BoardRequest(BaseModel):
    """A board to be."""

    model_config = ConfigDict(extra="forbid")
    name: Name = Field(description="Of this project's boards no other has it")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/boards", tags=[BOARDS], responses={201: Board}, openapi_extensions=json_body(blueprint, BoardRequest)
    )
    def post_boards() -> Response:
        """Make an empty board."""
        asked, who = BoardRequest.model_validate(read_json()), principal()
        board_id = create_board(farm().engine, who.project_id, asked.name, now())
        with read(farm().engine) as connection:
            board = shown_board(connection, who.project_id, board_id)
        return tagged(board, status=201, Location=f"/api/v1/boards/{board_id}")
