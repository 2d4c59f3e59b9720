"""`farm presets`: what one keeps of the Submit form, and what one asked for lately."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.console.durations import ago
from farm.console.session import JsonOption, clean, farm_at_hand, out, print_json, say
from farm.console.tables import print_list

PresetId = Annotated[str, typer.Argument(metavar="PRESET", help="The preset's name, its id, or a part of the id.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="What you keep of the Submit form; only you see it.")
    group.command("list")(list_)
    group.command()(save)
    group.command()(show)
    group.command()(remove)
    group.command()(prompts)
    app.add_typer(group, name="presets")


def list_(as_json: JsonOption = False) -> None:
    """List your presets in this project, by name.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.presets()
        if as_json:
            print_json(found)
            return
        rows = ([one.id, one.name, one.fields.get("model", ""), ago(one.updated_at, farm.time())] for one in found)
        print_list(["preset", "name", "model", "age"], rows, nothing="There is no preset. The Submit form makes one.")


def save(
    name: Annotated[str, typer.Argument(help="Its name; one of this name is replaced.")],
    field: Annotated[
        list[str], typer.Option("--field", metavar="NAME=TEXT", help="A field of the form; give it again for more.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Keep fields of the Submit form under a name: --field model=sana-demo --field prompt="a red circle".

    Exit codes: 0, 2 wrong usage or the farm refused, 3 the farm does not answer.
    """
    pairs = [one.partition("=") for one in field]
    if any(not equals for _, equals, _ in pairs):
        raise typer.BadParameter("must be NAME=TEXT", param_hint="--field")
    with farm_at_hand() as farm:
        kept = farm.save_preset(name, {key.strip(): text for key, _, text in pairs})
    if as_json:
        print_json(kept)
        return
    say(f"Preset {kept.name} is kept.")


def show(preset: PresetId, as_json: JsonOption = False) -> None:
    """Show the fields of a preset.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.find_preset(preset)
    if as_json:
        print_json(found)
        return
    out().print(clean("\n".join(f"{name}={text}" for name, text in found.fields.items())))


def remove(preset: PresetId, as_json: JsonOption = False) -> None:
    """Forget a preset.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        whole_id = farm.find_preset_id(preset)
        farm.remove_preset(whole_id)
    if as_json:
        print_json({"id": whole_id, "removed": True})
        return
    say(f"Preset {whole_id} is removed.")


def prompts(
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the prompts of your newest jobs, each once.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.prompts(limit)
    if as_json:
        print_json(found)
        return
    for prompt in found:
        out().print(clean(prompt))
