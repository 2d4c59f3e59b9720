"""`farm show`: pictures of a job, drawn in the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from importlib.util import find_spec
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from farm.client import FarmClient, FarmProblem, Render
from farm.console.arguments import AnyId
from farm.console.session import clean, farm_at_hand, out, say
from farm.errors import CommandNotInstalled, FarmError, NotFound

_NOT_FOUND = 404  # HTTP: no job has this id; a render may


class Graphics(StrEnum):
    """How a terminal is made to draw."""

    AUTO = "auto"
    KITTY = "kitty"
    SIXEL = "sixel"
    BLOCKS = "blocks"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(show)


def show(
    found_id: AnyId = "last",
    limit: Annotated[int, typer.Option(min=1, max=100, help="Of a job at most so many, the first that are done.")] = 4,
    width: Annotated[int, typer.Option(min=4, max=400, help="Columns of a picture.")] = 48,
    graphics: Annotated[
        Graphics, typer.Option(help="By default the best that the terminal says it can; blocks are half characters.")
    ] = Graphics.AUTO,
) -> None:
    """Draw a render, or the first of a job, in this terminal; of clips the poster.

    Exit codes: 0, 1 a render has no picture, 2 wrong usage or refused by the farm, 3 the farm does not answer.
    """
    if find_spec("textual_image") is None:
        raise CommandNotInstalled("Pictures in a terminal need: pip install 'latent-farm[terminal]'")
    if graphics is Graphics.AUTO and not out().is_terminal:
        raise typer.BadParameter(
            "this is no terminal: name one of kitty, sixel, blocks, or use `farm download`", param_hint="--graphics"
        )
    if graphics is Graphics.AUTO and out().is_terminal and not _columns():
        raise FarmError("This terminal says that it has no columns; tell it: stty cols 80 rows 24")
    with farm_at_hand() as farm:
        image, console = _image_class(graphics), _console(graphics)
        for render in _chosen(farm, farm.find_any_id(found_id), limit):
            picture = farm.picture_of(render.id)
            console.print(clean(_caption(render)))
            console.print(image(picture, width=min(width, console.width), height="auto"))


def _chosen(farm: FarmClient, found_id: str, limit: int) -> Iterator[Render]:
    """The render of this id, or the first that are done of the job. Raises NotFound when there is none."""
    try:
        job = farm.job(found_id)
    except FarmProblem as problem:
        if problem.status != _NOT_FOUND:
            raise
        yield farm.find_render(found_id)
        return
    done = list(islice((render for render in farm.renders(job.id) if render.status == "done"), limit))
    if not done:
        raise NotFound(f"The job {job.id} has no output yet; `farm why {job.id}` says when.")
    yield from done
    if job.done > len(done):
        say(f"These are {len(done)} of {job.done:,}; for more: --limit, or farm sheet {job.id}")


def _columns() -> int:
    """How wide the terminal says it is; 0 where it was never told, and textual-image would divide by it."""
    try:
        return os.get_terminal_size().columns
    except OSError:
        return 0


def _caption(render: Render) -> str:
    told = render.parameters
    return f"{render.index}  seed {told.get('seed')}  {told.get('prompt', '')}".replace("\n", " ")


def _console(graphics: Graphics) -> Console:
    """Who names a kind of graphics gets it, in a pipe as well."""
    if graphics is Graphics.AUTO:
        return out()
    return Console(highlight=False, markup=False, force_terminal=True, color_system="truecolor")


def _image_class(graphics: Graphics) -> Any:
    """What draws; its library asks the terminal when it is imported, so that happens only here."""
    from textual_image import renderable

    return {
        Graphics.AUTO: renderable.Image,
        Graphics.KITTY: renderable.TGPImage,
        Graphics.SIXEL: renderable.SixelImage,
        Graphics.BLOCKS: renderable.HalfcellImage,
    }[graphics]
