"""`farm boards`: named collections of renders."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.client.replies import Board
from farm.console.arguments import RenderIds
from farm.console.completion import complete_board
from farm.console.session import JsonOption, farm_at_hand, print_json, say
from farm.console.tables import print_list

#: Of the group, as `farm --help` lists it.
WORDS = "Boards: named collections of renders, which all people of the project see."
BoardName = Annotated[str, typer.Argument(metavar="BOARD", help="Its name, or its id.", autocompletion=complete_board)]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=WORDS)
    group.command("list")(list_)
    for command in (add, rename, put, take, remove):
        group.command()(command)
    app.add_typer(group, name="boards")


def list_(as_json: JsonOption = False) -> None:
    """List the project's boards by name; `farm gallery list --board NAME` lists what is on one.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.boards()
    if as_json:
        print_json(found)
        return
    rows = ([one.name, f"{one.renders:,}", one.id] for one in found)
    print_list(["board", "renders", "id"], rows, nothing="There is no board. Make one: farm boards add NAME")


def add(name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")], as_json: JsonOption = False) -> None:
    """Make an empty board. Prints its id.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        made = farm.add_board(name)
    if as_json:
        print_json(made)
        return
    print(made.id)


def rename(
    board: BoardName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    as_json: JsonOption = False,
) -> None:
    """Give a board another name.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        _tell(farm.rename_board(farm.find_board_id(board), name), as_json)


def put(board: BoardName, render_ids: RenderIds, as_json: JsonOption = False) -> None:
    """Put renders on a board, all or none.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        chosen = [farm.find_render_id(render_id) for render_id in render_ids]
        _tell(farm.change_board(farm.find_board_id(board), add=chosen), as_json)


def take(board: BoardName, render_ids: RenderIds, as_json: JsonOption = False) -> None:
    """Take renders off a board; they stay in the gallery.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        chosen = [farm.find_render_id(render_id) for render_id in render_ids]
        _tell(farm.change_board(farm.find_board_id(board), remove=chosen), as_json)


def remove(board: BoardName, as_json: JsonOption = False) -> None:
    """Remove a board; its renders stay.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        board_id = farm.find_board_id(board)
        farm.remove_board(board_id)
    if as_json:
        print_json({"id": board_id, "removed": True})
        return
    say(f"board {board_id} is removed")


def _tell(board: Board, as_json: bool) -> None:
    if as_json:
        print_json(board)
        return
    say(f"board {board.name!r} has {board.renders:,} {'render' if board.renders == 1 else 'renders'}")
