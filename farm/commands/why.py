"""`farm why`: why a job or a render is not done yet."""

from __future__ import annotations

import typer

from farm.console.arguments import AnyId
from farm.console.durations import in_words
from farm.console.session import JsonOption, clean, farm_at_hand, print_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(why)


def why(
    found_id: AnyId,
    as_json: JsonOption = False,
) -> None:
    """Say why a job or a render waits, or what it does, and when it starts and ends.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        told = farm.why_any(farm.find_any_id(found_id))
    if as_json:
        print_json(told)
        return
    print(clean(told.sentence))
    if told.forecast is not None and told.forecast.starts_in is not None:
        print(f"starts in {in_words(told.forecast.starts_in)}")
    if told.forecast is not None and told.forecast.done_in is not None:
        print(f"done in {in_words(told.forecast.done_in)}")
