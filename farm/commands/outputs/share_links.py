"""`farm share-links`: show something of the project to people who have no account, for a while."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from farm.client import FarmClient
from farm.console.completion import complete_share_link
from farm.console.durations import ago
from farm.console.session import JsonOption, clean, farm_at_hand, print_json, say
from farm.console.tables import print_list

DAY_SECONDS = 86_400.0


class Kind(StrEnum):
    """What a share link shows."""

    RENDER = "render"
    JOB = "job"
    BOARD = "board"


#: Of the group, as `farm --help` lists it.
WORDS = "Show a picture, a job's outputs or a board to people who have no account, for a while."


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=WORDS)
    group.command("list")(list_)
    group.command()(add)
    group.command()(revoke)
    app.add_typer(group, name="share-links")


def list_(as_json: JsonOption = False) -> None:
    """List the project's share links, the newest first, without their addresses.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.share_links()
        if as_json:
            print_json(found)
            return
        rows = (
            [one.id, one.state, one.kind, one.target, "yes" if one.parameters else "no", one.user or "",
             ago(one.created_at, farm.time()), _day(one.expires_at)]
            for one in found
        )  # fmt: skip
        print_list(
            ["share link", "state", "shows", "id", "parameters", "by", "age", "until"],
            rows,
            nothing="There is no share link. Make one: farm share-links add job last",
        )


def add(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="render, job or board.")],
    target: Annotated[str, typer.Argument(metavar="ID", help="The id of the render or the job; a board's name or id.")],
    days: Annotated[float, typer.Option(min=0.001, max=366, help="It works for so many days.")] = 7,
    parameters: Annotated[bool, typer.Option("--parameters", help="Show prompts and settings too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make an address that shows this to whoever has it. Prints it, alone on stdout: it is shown this once.

    Exit codes: 0, 2 wrong usage or the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        whole_id = _whole_id(farm, kind, target)
        made = farm.share(kind.value, whole_id, seconds=days * DAY_SECONDS, parameters=parameters)
    if as_json:
        print_json(made)
        return
    say(f"Share link {made.id} works until {_day(made.expires_at)} UTC; its address is not shown again:")
    print(clean(made.url), flush=True)


def revoke(
    link_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="The share link's id, or a part of it.", autocompletion=complete_share_link),
    ],
    as_json: JsonOption = False,
) -> None:
    """End a share link at once: it shows nothing any more.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        whole_id = farm.find_share_link_id(link_id)
        farm.revoke_share_link(whole_id)
    if as_json:
        print_json({"id": whole_id, "revoked": True})
        return
    say(f"Share link {whole_id} is revoked.")


def _whole_id(farm: FarmClient, kind: Kind, typed: str) -> str:
    if kind is Kind.JOB:
        return farm.find_job_id(typed)
    return farm.find_render_id(typed) if kind is Kind.RENDER else farm.find_board_id(typed)


def _day(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M")
