"""Files on their way to the farm: pictures, and rows with how far they are and how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from farm.client import FarmClient, FarmProblem, FarmUnreachable, FileProgress, Job
from farm.console.session import ExitCode, err, say
from farm.params.adapters import split_expert


def input_of(farm: FarmClient, given: str) -> str:
    """The id of an uploaded file: a file is uploaded now, anything else is an id (or a name) already."""
    return farm.add_input(given).id if Path(given).is_file() else given


def adapter_of(farm: FarmClient, given: str) -> dict[str, Any]:
    """An adapter as NAME, ID or FILE, with :WEIGHT behind it or without, and with :EXPERT. Raises BadParameter."""
    typed, expert = split_expert(given)
    name, colon, weight = typed.rpartition(":")
    if not colon:
        return {"name": input_of(farm, typed), **expert}
    try:
        return {"name": input_of(farm, name), "weight": float(weight), **expert}
    except ValueError:
        raise typer.BadParameter(f"{weight!r} is no weight; write NAME:0.8", param_hint="--lora") from None


def send_file(farm: FarmClient, model: str, path: Path, key: str | None, fields: Mapping[str, Any]) -> Job:
    """Send the file and show how far it is; what breaks it off says how to go on."""
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}", param_hint="--file")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), disable=not err().is_terminal, transient=True) as bars:
        bar = bars.add_task(path.name, total=path.stat().st_size)
        remarks: list[str] = []

        def show(progress: FileProgress) -> None:
            bars.update(bar, completed=progress.bytes, description=f"{path.name}: {progress.rows:,} rows")
            remarks[:] = [f"{progress.rows:,} rows are in (job {progress.job_id})."]

        try:
            return farm.submit_file(model, path, idempotency_key=key, on_progress=show, **fields)
        except KeyboardInterrupt:
            _how_to_go_on(remarks, key)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except (FarmProblem, FarmUnreachable) as error:
            if remarks or not isinstance(error, FarmProblem) or error.members.get("job_id"):
                _how_to_go_on(remarks, key)  # else nothing is in, and there is nothing to go on with
            raise


def _how_to_go_on(remarks: list[str], key: str | None) -> None:
    say(" ".join([*remarks, "Run the same command again to go on where it stopped."]))
    if key is None:
        say("A file that you change is a new job; give --key KEY from the start to correct one and go on with it.")
