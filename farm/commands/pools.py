"""`farm pools`: how many workers each pool has and should have, and why; and how many it may have."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.console.arguments import PoolName
from farm.console.session import JsonOption, farm_at_hand, print_json, say
from farm.console.tables import print_pools


def register(app: typer.Typer) -> None:
    """Add the command, and what can be done to a pool."""
    commands = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
    commands.callback()(pools)
    commands.command()(scale)
    app.add_typer(commands, name="pools")


def pools(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as a JSON list.")] = False,
) -> None:
    """List the pools with their workers, the wanted number of them, the price, and the last decision.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    if context.invoked_subcommand is not None:
        return
    with farm_at_hand() as farm:
        found = farm.pools()
        if as_json:
            print_json(found)
        else:
            print_pools(found)


def scale(
    name: PoolName,
    minimum: Annotated[int | None, typer.Option(help="Workers at the least.", min=0)] = None,
    maximum: Annotated[int | None, typer.Option(help="Workers at the most; 0: none.", min=0)] = None,
    as_json: JsonOption = False,
) -> None:
    """Limit how many workers the autoscaler gives a pool; what is left out is as the catalog says. For operators.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        pool = farm.scale_pool(name, minimum, maximum)
    if as_json:
        print_json(pool)
        return
    limits = pool.scaling
    told = f"{limits.minimum} to {limits.maximum} workers" if limits else "workers as soon as a scheduler decides"
    say(f"pool {pool.name} may have {told}")
