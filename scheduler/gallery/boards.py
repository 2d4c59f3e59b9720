"""Boards: named collections of a project's renders."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from farm.database import write
from farm.errors import Conflict, NotFound
from farm.ids import new_id
from farm.tables import Board, BoardRender
from scheduler.gallery.owned_renders import check_owned


def list_boards(connection: Connection, project_id: str) -> Sequence[Any]:
    """The project's boards by name, each with how many renders are on it. One statement."""
    return connection.execute(_counted().where(Board.project_id == project_id).order_by(Board.name)).all()


def find_board(connection: Connection, project_id: str, board_id: str) -> Any:
    """One board of this project. Raises NotFound."""
    row = connection.execute(_counted().where(Board.id == board_id, Board.project_id == project_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no board {board_id} in your project.")
    return row


def create_board(engine: Engine, project_id: str, name: str, now: float) -> str:
    """A new board; returns its id. Raises Conflict when the project has one of this name."""
    board_id, name = new_id(), name.strip()
    try:
        with write(engine) as connection:
            connection.execute(
                Board.__table__.insert().values(id=board_id, project_id=project_id, name=name, created_at=now)  # type: ignore[attr-defined]
            )
    except IntegrityError as error:
        raise _taken(name) from error
    return board_id


def rename_board(engine: Engine, project_id: str, board_id: str, name: str) -> None:
    """Call a board otherwise. Raises NotFound; Conflict when the project has another one of this name."""
    name = name.strip()
    try:
        with write(engine) as connection:
            find_board(connection, project_id, board_id)
            connection.execute(update(Board).where(Board.id == board_id).values(name=name))
    except IntegrityError as error:
        raise _taken(name) from error


def remove_board(engine: Engine, project_id: str, board_id: str) -> None:
    """Remove a board; its renders stay. Raises NotFound."""
    with write(engine) as connection:
        find_board(connection, project_id, board_id)
        connection.execute(delete(Board).where(Board.id == board_id))


def change_board(
    engine: Engine, project_id: str, board_id: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> None:
    """Put renders on a board, and take others off. What is there, or is not, stays so. Raises NotFound."""
    with write(engine) as connection:
        # Locked, so that two who add the same render come one after the other.
        connection.execute(select(Board.id).where(Board.id == board_id).with_for_update())
        find_board(connection, project_id, board_id)
        check_owned(connection, project_id, add)
        on_it = BoardRender.board_id == board_id
        connection.execute(delete(BoardRender).where(on_it, BoardRender.render_id.in_(remove)))
        there = set(connection.scalars(select(BoardRender.render_id).where(on_it, BoardRender.render_id.in_(add))))
        rows = [{"board_id": board_id, "render_id": render_id} for render_id in sorted(set(add) - there)]
        if rows:
            connection.execute(BoardRender.__table__.insert(), rows)  # type: ignore[attr-defined]


def _counted() -> Any:
    renders = select(func.count()).where(BoardRender.board_id == Board.id).scalar_subquery()
    return select(Board.id, Board.name, Board.created_at, renders.label("renders"))


def _taken(name: str) -> Conflict:
    return Conflict(f"Your project has a board {name!r} already; choose another name.")
