"""`farm top`: a farm, live."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from farm.console.session import farm_at_hand, out
from farm.errors import CommandNotInstalled, WrongUsage


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(top)


def top(
    seconds: Annotated[
        float, typer.Option(min=0.5, help="Read everything so often; what changes is read at once.")
    ] = 2.0,
) -> None:
    """Watch a farm live in this terminal: its pools, its workers, and what the project has under way.

    Keys: q ends it, r reads again, Tab and arrows move. While the farm does not answer, the first line says so.

    Exit codes: 0, 2 wrong usage or this is no terminal, 3 the farm does not answer.
    """
    if find_spec("textual") is None:
        raise CommandNotInstalled("`farm top` needs: pip install 'latent-farm[terminal]'")
    if not out().is_terminal:
        raise WrongUsage("`farm top` needs a terminal; in a pipe: farm pools, farm workers, farm jobs, with --json")
    from farm.console.top.top_screen import TopScreen

    with farm_at_hand() as farm:
        farm.pools()  # who cannot reach the farm learns it in words, before the screen is taken
        TopScreen(farm, seconds).run()
