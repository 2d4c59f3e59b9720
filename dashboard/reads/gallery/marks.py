"""What people said of renders, as people see it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from dashboard import schemas
from dashboard.times import iso, iso_or_none
from farm.tables import BoardRender, RenderMark, RenderTag
from scheduler.gallery.boards import find_board, list_boards

#: Most tags that a list of all has.
MOST_TAGS = 500


def marks_of(connection: Connection, render_ids: Sequence[str]) -> dict[str, schemas.Marks]:
    """The marks of each of these renders, in three statements. Whose they are is for the caller to know."""
    rows = connection.execute(
        select(RenderMark.render_id, RenderMark.rating, RenderMark.favourite, RenderMark.delete_at).where(
            RenderMark.render_id.in_(render_ids)
        )
    )
    said = {row.render_id: row for row in rows}
    tags = _grouped(
        connection,
        select(RenderTag.render_id, RenderTag.tag).where(RenderTag.render_id.in_(render_ids)).order_by(RenderTag.tag),
    )
    boards = _grouped(
        connection,
        select(BoardRender.render_id, BoardRender.board_id)
        .where(BoardRender.render_id.in_(render_ids))
        .order_by(BoardRender.board_id),
    )
    return {
        render_id: schemas.Marks(
            rating=said[render_id].rating if render_id in said else None,
            favourite=bool(render_id in said and said[render_id].favourite),
            tags=tags.get(render_id, []),
            boards=boards.get(render_id, []),
            delete_at=iso_or_none(said[render_id].delete_at) if render_id in said else None,
        )
        for render_id in render_ids
    }


def used_tags(connection: Connection, project_id: str) -> list[schemas.UsedTag]:
    """The project's tags, those that most renders have first. One statement (ix_render_tags_project_id_tag)."""
    rows = connection.execute(
        select(RenderTag.tag, func.count().label("renders"))
        .where(RenderTag.project_id == project_id)
        .group_by(RenderTag.tag)
        .order_by(func.count().desc(), RenderTag.tag)
        .limit(MOST_TAGS)
    )
    return [schemas.UsedTag(tag=row.tag, renders=row.renders) for row in rows]


def shown_boards(connection: Connection, project_id: str) -> list[schemas.Board]:
    """The project's boards by name."""
    return [_shown_board(row) for row in list_boards(connection, project_id)]


def shown_board(connection: Connection, project_id: str, board_id: str) -> schemas.Board:
    """One board. Raises NotFound."""
    return _shown_board(find_board(connection, project_id, board_id))


def _shown_board(row: Any) -> schemas.Board:
    return schemas.Board(id=row.id, name=row.name, renders=row.renders, created_at=iso(row.created_at))


def _grouped(connection: Connection, statement: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for render_id, value in connection.execute(statement):
        found.setdefault(render_id, []).append(value)
    return found
