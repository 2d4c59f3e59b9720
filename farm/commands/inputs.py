"""`farm inputs`: pictures and clips for renders to start from, and adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from farm.client import Input
from farm.console.adapters import adapter_line
from farm.console.arguments import RenderIds
from farm.console.durations import ago
from farm.console.session import ExitCode, JsonOption, exit_code_of, farm_at_hand, out, print_error, print_json, say
from farm.console.tables import print_list
from farm.errors import FarmError


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Pictures and clips for renders to start from, and adapters (LoRA).")
    group.command()(add)
    group.command("from")(from_)
    group.command("list")(list_)
    group.command()(rm)
    app.add_typer(group, name="inputs")


def add(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            exists=True,
            dir_okay=False,
            readable=True,
            help="PNG, JPEG, WebP, AVIF; MP4, WebM; or a LoRA.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Upload pictures, clips or LoRAs (.safetensors) and print their ids, a line each: for `--image`, `--lora`, ….

    Exit codes: 0, 2 the farm refused one, 3 the farm does not answer.
    """
    worst = ExitCode.OK
    uploaded = []
    with farm_at_hand() as farm:
        for file in files:
            try:
                added = farm.add_input(file)
            except FarmError as error:
                print_error(error, str(file))
                worst = max(worst, exit_code_of(error))
                continue
            uploaded.append(added)
            if not as_json:
                out().print(added.id)
                if added.adapter is not None:
                    say(f"{file}: {adapter_line(added.adapter)}")
    if as_json:
        print_json(uploaded)
    if worst:
        raise typer.Exit(worst)


def from_(render_ids: RenderIds, as_json: JsonOption = False) -> None:
    """Take the pictures or clips of finished renders as uploads, and print their ids, a line each: for `--image`, ….

    Exit codes: 0, 2 the farm refused one, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        added = [farm.add_output(farm.find_render_id(render_id)) for render_id in render_ids]
    if as_json:
        print_json(added)
        return
    for one in added:
        out().print(one.id)


def list_(as_json: JsonOption = False) -> None:
    """List the uploaded files, newest first.

    Exit codes: 0, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        if as_json:
            print_json(farm.inputs())
            return
        rows = (
            [
                found.id,
                _kind(found),
                str(found.size),
                ago(found.created_at, farm.time()),
                found.name,
            ]
            for found in farm.inputs()
        )
        print_list(["input", "what", "bytes", "age", "name"], rows, nothing="Nothing is uploaded.")


def _kind(found: Input) -> str:
    if found.width:
        size = f"{found.width}x{found.height}"
        return f"{size}, {found.frames} frames at {found.frame_rate:g} a second" if found.frames else size
    adapter = found.adapter
    return " ".join(["adapter", *(["for", ", ".join(adapter.families)] if adapter and adapter.families else [])])


def rm(
    input_ids: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of uploaded files.")],
    as_json: JsonOption = False,
) -> None:
    """Remove uploaded files; one that a render still needs stays.

    Exit codes: 0, 2 the farm refused one, 3 the farm does not answer.
    """
    worst = ExitCode.OK
    removed = []
    with farm_at_hand() as farm:
        for input_id in input_ids:
            try:
                removed.append(farm.remove_input(input_id))
                if not as_json:
                    say(f"input {input_id} is removed")
            except FarmError as error:
                print_error(error, input_id)
                worst = max(worst, exit_code_of(error))
    if as_json:
        print_json(removed)
    if worst:
        raise typer.Exit(worst)
