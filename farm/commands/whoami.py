"""`farm whoami` and `farm members`: whom the key speaks for, and who else is in the project."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.client import WhoAmI
from farm.console.session import JsonOption, clean, farm_at_hand, out, print_json
from farm.console.tables import print_list


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(whoami)
    app.command()(members)


def whoami(as_json: JsonOption = False) -> None:
    """Say whom the key speaks for: the project, the person, the role.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.whoami()
        if as_json:
            print_json(found)
            return
        out().print(clean(f"farm     {farm.url}\n{_words(found)}"))


def members(
    project: Annotated[str | None, typer.Argument(help="Its name; for operators and admins any.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the people of a project; without a name of your own.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.members(project)
    if as_json:
        print_json(found)
        return
    rows = ([one.name, one.role, "disabled" if one.disabled else ""] for one in found)
    print_list(["name", "role", "state"], rows, nothing="Nobody is in this project; its keys belong to no person.")


def _words(found: WhoAmI) -> str:
    key = found.key
    ends = "" if key is None or key.expires_at is None else f", until {key.expires_at:%Y-%m-%d %H:%M} UTC"
    return "\n".join(
        [
            f"project  {found.project.name}{' (paused)' if found.project.paused else ''}",
            f"person   {found.user or 'none: the key belongs to no person'}",
            f"role     {found.role}",
            f"may      {', '.join(found.scopes)}",
            *([] if key is None else [f"key      {key.name} ({key.id}){ends}"]),
        ]
    )
