"""What other programs' files say of a job: graphs of ComfyUI and templates of OpenJD, as `farm submit` takes them."""

from __future__ import annotations

import atexit
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import typer
from PIL import Image

from farm.comfyui.translate import Translated, translate
from farm.comfyui.workflow.embedded import PNG, embedded_workflow
from farm.comfyui.workflow.graph import Node
from farm.comfyui.workflow.workflow_file import read_workflow
from farm.console.session import say
from farm.file_errors import file_error
from farm.openjd.sweep import sweep_of
from farm.openjd.template import read_template
from farm.params.request.base import INPUTS, Expert
from farm.params.request.declared import declared_fields

#: Ways to say seeds, of which a job has one.
_SEEDS = {"seed", "seeds", "seed_count"}


@dataclass(frozen=True)
class Imported:
    """A job out of a file: fields of a request, `model` and `prompt` among them, and what is uploaded for it.

    `files` are typed as the options of the same names are. `rows` go before the fields, one after the other.
    """

    fields: dict[str, Any]
    files: dict[str, Any] = field(default_factory=dict)
    rows: Iterator[dict[str, Any]] | None = None


def with_import(
    comfyui: Path | None,
    openjd: Path | None,
    file: Path | None,
    model: str | None,
    fields: dict[str, Any],
    typed: Mapping[str, Any],
) -> tuple[str | None, dict[str, Any], dict[str, Any], Path | None]:
    """Model, fields, typed files and rows of a job with what the file says; what is typed goes before that.

    Raises BadParameter: more than one such file; and what reading it raises.
    """
    named = [option for option, path in (("--comfyui", comfyui), ("--openjd", openjd), ("--file", file)) if path]
    if len(named) > 1:
        raise typer.BadParameter("each says what to render; give one of them", param_hint=" and ".join(named))
    given = {name: value for name, value in typed.items() if value}
    said = {**given, **fields, **({"model": model} if model else {})}
    if comfyui is not None:
        imported = import_comfyui(comfyui, said)
    else:
        assert openjd is not None
        imported = import_openjd(openjd, said)
    taken = {name for name in said if name not in _SEEDS} | (_SEEDS if _SEEDS & said.keys() else set())
    found = {name: value for name, value in imported.fields.items() if name not in taken}
    model = model or found.pop("model", None)
    rows = None
    if imported.rows is not None:
        rows = _as_file({name: value for name, value in row.items() if name not in taken} for row in imported.rows)
    return model, {**found, **fields}, {**imported.files, **given}, rows


def import_comfyui(path: Path, settled: Collection[str]) -> Imported:
    """The job of a graph of ComfyUI; says on stderr what becomes of each node.

    Raises BadParameter, NotAWorkflow, CannotRender.
    """
    found = translate(read_workflow(_graph_in(path)), settled)
    for node, what in found.nodes:
        say(f"{node}: {what}")
    for notice in found.notices:
        say(f"Note: {notice}", "yellow")
    files = _files(found, path.parent)
    return Imported({"title": path.stem, **_own_size(found, files, settled), **found.fields}, files)


def import_openjd(path: Path, typed: Mapping[str, Any]) -> Imported:
    """The job of a template of OpenJD; what is typed fills its job parameters.

    Raises BadParameter, NotATemplate, OpenJdNotInstalled.
    """
    texts = {name: str(value) for name, value in typed.items() if isinstance(value, str | int | float)}
    template = read_template(read_text(path, "--openjd"), path.parent.absolute(), texts)
    sweep = sweep_of(template, typed.get("prompt"))
    say(f"Note: {', '.join(template.commands)} of the template is not run; the farm renders its parameters", "yellow")
    fields = {"title": template.name, **sweep.fields}
    return Imported(fields, {name: fields.pop(name) for name in INPUTS if name in fields}, sweep.rows)


def read_text(path: Path, option: str) -> str:
    """A file's text. Raises BadParameter."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(file_error(error), param_hint=option) from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{path} is not UTF-8 text (byte {error.start:,})", param_hint=option) from error


def _graph_in(path: Path) -> str:
    """A graph as a file, or in a picture that ComfyUI saved."""
    try:
        with path.open("rb") as file:
            pictured = file.read(len(PNG)) == PNG
    except OSError as error:
        raise typer.BadParameter(file_error(error), param_hint="--comfyui") from error
    return embedded_workflow(path.read_bytes()) if pictured else read_text(path, "--comfyui")


def _as_file(rows: Iterator[dict[str, Any]]) -> Path:
    """The rows as a file that can stream in, for as long as the command runs."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "tasks.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return path


def _files(found: Translated, folder: Path) -> dict[str, Any]:
    files: dict[str, Any] = {}
    for name, file in found.files.items():
        files[name] = _input(folder, name, file) if isinstance(file, str) else [_input(folder, name, x) for x in file]
    if found.adapters:
        files["loras"] = [_adapter(folder, *each) for each in found.adapters]
    return files


def _input(folder: Path, name: str, file: str) -> str:
    """A picture or clip beside the graph. Raises BadParameter."""
    found = _beside(folder, file.removesuffix(" [input]"), ("", "input"))
    if found is None:
        option = declared_fields()[name].option_name
        raise typer.BadParameter(
            f"the graph begins with {file}, which is not beside it; name the file with {option}",
            param_hint="--comfyui",
        )
    return str(found)


def _own_size(found: Translated, files: Mapping[str, Any], settled: Collection[str]) -> dict[str, int]:
    """Width and height of a picture that is rendered over, where neither the graph nor the user says them."""
    if "strength" not in found.fields or "image" not in files or {"width", "height"} & {*found.fields, *settled}:
        return {}
    try:
        with Image.open(files["image"]) as picture:
            width, height = picture.size
    except OSError as error:
        raise typer.BadParameter(f"{files['image']}: {error}", param_hint="--comfyui") from error
    return {"width": width, "height": height}


def _adapter(folder: Path, node: Node, name: str, weight: float, expert: Expert | None) -> str:
    """The file, if it is beside the graph; else the name that it would have in the farm's catalog."""
    file = _beside(folder, name, ("", "loras", "models/loras"))
    if file is None:
        say(f"Note: {node}: {name} is not beside the graph; the farm is asked for one of the name", "yellow")
    stem = PurePosixPath(name.replace("\\", "/")).stem
    return f"{file or stem}:{weight:g}" + (f":{expert}" if expert else "")


def _beside(folder: Path, name: str, places: Collection[str]) -> Path | None:
    """A file in the graph's own folder or below it, and never elsewhere: graphs are passed from hand to hand."""
    root = folder.resolve()
    for place in places:
        path = (root / place / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            return path
    return None
