"""POST /api/v1/boards/{board_id}/renders: put renders on a board, take others off."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import BOARDS, BoardPath, json_body
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.gallery.marks import shown_board
from dashboard.reads.ids import known_form
from dashboard.schemas import Board
from farm.database import read
from scheduler.gallery.boards import change_board
from scheduler.gallery.owned_renders import MOST_RENDERS


class BoardChange(BaseModel):
    """Which renders come, and which go. What is there, or is not, stays so."""

    model_config = ConfigDict(extra="forbid")
    add: list[str] = Field([], max_length=MOST_RENDERS, description="Ids of renders that are to be on it")
    remove: list[str] = Field([], max_length=MOST_RENDERS, description="Ids of renders that are not")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/boards/<board_id>/renders",
        tags=[BOARDS],
        responses={200: Board},
        openapi_extensions=json_body(blueprint, BoardChange),
    )
    def post_board_renders(path: BoardPath) -> Response:
        """Put renders on a board and take others off, all or none."""
        asked, who, board_id = BoardChange.model_validate(read_json()), principal(), known_form("board", path.board_id)
        add, remove = ([known_form("render", one) for one in ids] for ids in (asked.add, asked.remove))
        change_board(farm().engine, who.project_id, board_id, add=add, remove=remove)
        with read(farm().engine) as connection:
            return tagged(shown_board(connection, who.project_id, board_id))
