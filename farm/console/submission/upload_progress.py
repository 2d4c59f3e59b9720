"""Files on their way to the farm: pictures, and rows with how far they are and how to go on."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from farm.client import FarmClient, FarmProblem, FarmUnreachable, FileProgress, Job
from farm.console.error_output import exit_code_of, print_error
from farm.console.session import ExitCode, err, say
from farm.errors import FarmError
from farm.params.adapters import split_expert


def input_of(farm: FarmClient, given: str) -> str:
    """The id of an uploaded file: a file is uploaded now, anything else is an id (or a name) already.

    Of several files that a command names, a refusal says which it is about.
    """
    if not Path(given).is_file():
        return given
    try:
        return farm.add_input(given).id
    except FarmError as error:
        print_error(error, given)
        raise typer.Exit(exit_code_of(error)) from None


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

    def send(show: Callable[[FileProgress], None]) -> Job:
        return farm.submit_file(model, path, idempotency_key=key, on_progress=show, **fields)

    return _sent(path, send)


def continue_file(farm: FarmClient, job_id: str, path: Path) -> Job:
    """Go on with the stream of a job, in the same way."""
    return _sent(path, lambda show: farm.continue_file(job_id, path, on_progress=show))


def _sent(path: Path, send: Callable[[Callable[[FileProgress], None]], Job]) -> Job:
    if not path.is_file():
        raise typer.BadParameter(f"there is no file {path}", param_hint="--file")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err(), disable=not err().is_terminal, transient=True) as bars:
        bar = bars.add_task(path.name, total=path.stat().st_size)
        remarks: list[str] = []

        def show(progress: FileProgress) -> None:
            bars.update(bar, completed=progress.bytes, description=f"{path.name}: {progress.rows:,} rows")
            remarks[:] = [f"{_rows_in(progress.rows)} (job {progress.job_id})."]

        try:
            return send(show)
        except KeyboardInterrupt:
            _how_to_go_on(remarks)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except (FarmProblem, FarmUnreachable) as error:
            if isinstance(error, FarmProblem) and error.members.get("next_line") is not None:
                _how_to_correct(error, path)
            elif remarks or not isinstance(error, FarmProblem) or error.members.get("job_id"):
                _how_to_go_on(remarks)  # else nothing is in, and there is nothing to go on with
            raise


def _how_to_go_on(remarks: list[str]) -> None:
    say(" ".join([*remarks, "Run the same command again to go on where it stopped."]))


def _how_to_correct(refused: FarmProblem, path: Path) -> None:
    rows, line, job_id = (refused.members.get(name) for name in ("rows", "next_line", "job_id"))
    say(
        f"{_rows_in(rows)}, and job {job_id} waits for the others. "
        f"Correct {path.name} from line {line} on, and then:\n"
        f"  farm submit --continue {job_id} --file {shlex.quote(str(path))}\n"
        f"or let it be:  farm cancel {job_id}"
    )


def _rows_in(rows: Any) -> str:
    return "1 row is in" if rows == 1 else f"{rows:,} rows are in"
