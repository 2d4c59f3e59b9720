"""`farm pools`: how many workers each pool has and should have, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.console.session import farm_at_hand, print_json
from farm.console.tables import print_pools


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(pools)


def pools(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as a JSON list.")] = False,
) -> None:
    """List the pools with their workers, the wanted number of them, the price, and the last decision.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.pools()
        if as_json:
            print_json(found)
        else:
            print_pools(found)
