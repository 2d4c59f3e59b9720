"""`farm workers`: who renders."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.clock import system_clock
from farm.console.speaking import farm_at_hand, print_json
from farm.console.tables import print_workers


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(workers)


def workers(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as a JSON list.")] = False,
) -> None:
    """List the workers that the farm has seen lately.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.workers()
        if as_json:
            print_json(found)
        else:
            print_workers(found, system_clock())
