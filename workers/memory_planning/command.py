"""`farm plan`: what a model needs, and what of it fits on the GPUs somebody has or thinks of."""

import re
from typing import Annotated

import typer

from farm.catalog import load_catalog
from farm.console.completion import complete_own_model
from farm.console.output import JsonOption, print_json
from farm.errors import Fault, InvalidRequest
from farm.settings import load_settings

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})(?:x(\d{1,5}))?")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(plan)


def plan(
    model: Annotated[str, typer.Argument(help="A model of the catalog.", autocompletion=complete_own_model)],
    gpus: Annotated[str, typer.Option(help="The GPUs of one machine: 2x24GB, 80GB or 1x48GB,2x24GB.")],
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT or WIDTHxHEIGHTxFRAMES; without it the largest that is offered.")
    ] = None,
    renders: Annotated[int, typer.Option(min=1, max=256, help="How many render together.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Say what fits where, with the sums, without weights, GPU or network; exit 1 if nothing does."""
    from workers.memory_planning.fitting import arrangements
    from workers.memory_planning.gpus import parse_gpus
    from workers.memory_planning.report import as_values, plan_lines
    from workers.memory_planning.requirements import needs_of

    memory = parse_gpus(gpus)
    entry = load_catalog(load_settings()).model(model)
    needs = needs_of(entry, _size(size, entry.defaults.get("num_frames", 1)), renders)
    found = arrangements(needs, memory)
    if as_json:
        print_json(as_values(needs, found))
    else:
        typer.echo("\n".join(plan_lines(needs, found)))
    if not any(way.fits for way in found):
        raise typer.Exit(1)


def _size(text: str | None, frames: int) -> tuple[int, int, int] | None:
    if text is None:
        return None
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        fault = Fault("--size", f"must look like 1280x720 or 1280x720x81; seen {text[:80]!r}")
        raise InvalidRequest([fault], "This is no size that can be planned for.")
    return int(found[1]), int(found[2]), int(found[3] or frames)
