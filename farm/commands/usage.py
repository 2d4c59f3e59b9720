"""`farm usage`: what the project used, by day and pool."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.client import Cost
from farm.console.quote_text import cost_in_words
from farm.console.session import JsonOption, farm_at_hand, print_json, say
from farm.console.tables import print_list


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(usage)


def usage(
    days: Annotated[int, typer.Option(min=1, max=366, help="So many days (UTC) up to today.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """List what the project used by day and pool, the newest day first: renders, GPU-seconds, money, energy.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        told = farm.usage(days)
    if as_json:
        print_json(told)
        return
    print_list(
        ["day", "pool", "renders", "GPU seconds", "money", "Wh"],
        [[item.day, item.pool, f"{item.renders}", *_figures(item.cost)] for item in told.items],
        nothing=f"Nothing was used in the last {days} days.",
    )
    if told.items:
        say(f"{told.renders:,} renders, {cost_in_words(told.total)}")


def _figures(cost: Cost) -> list[str]:
    return [f"{cost.gpu_seconds:.1f}", f"{cost.money:.4g} {cost.currency}".strip(), f"{cost.watt_hours:.4g}"]
