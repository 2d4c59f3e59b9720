"""`farm train`: a LoRA from a folder of pictures or clips with captions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from farm.client import FarmClient
from farm.console.completion import complete_model
from farm.console.error_output import exit_code_of, print_error
from farm.console.job_progress import exit_code_after, watch
from farm.console.session import ExitCode, farm_at_hand, print_json, say
from farm.console.submission.request_options import takes_request
from farm.console.submission.training_folder import read_training_folder
from farm.console.submission.upload_progress import input_of
from farm.errors import FarmError
from farm.params.training.request import TrainingRequest, name_fault

_Captioned = tuple[str | Path, str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(train)


@takes_request(TrainingRequest)
def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model whose family is trained, such as sana or wan.", autocompletion=complete_model
        ),
    ],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="Pictures or clips, each with its caption in a .txt beside it; or with a metadata.jsonl.",
        ),
    ],
    *,
    name: Annotated[str | None, typer.Option("--name", help="Of the LoRA; by default that of the folder.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it has ended, then print the LoRA's id.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the job (with --wait: the training) as JSON.")] = False,
    **typed: Any,
) -> None:
    """Train a LoRA of a model from captioned pictures or clips. Prints the job's id; with --wait, then the LoRA's.

    Exit codes: 0 accepted (with --wait: done), 1 the training did not end as done, 2 wrong usage or refused by the
    farm, 3 the farm does not answer, 130 Ctrl-C (the training goes on).
    """
    called = name or folder.resolve().name
    if fault := name_fault(called):
        raise typer.BadParameter(fault, param_hint="'--name'")
    captions = read_training_folder(folder)
    fields = {field: value for field, value in typed.items() if value is not None and value is not False}
    with farm_at_hand() as farm:
        if first := fields.get("validation_image"):
            fields["validation_image"] = input_of(farm, first)
        pictures, clips = _uploaded(farm, captions)
        job = farm.train(model, called, pictures, clips=clips, **fields)
        for notice in job.notices:
            say(f"Note: {notice}", "yellow")
        if not as_json:
            print(job.id, flush=True)
            kinds = ((len(pictures), "picture"), (len(clips), "clip"))
            what = " and ".join(f"{count:,} {kind}{'' if count == 1 else 's'}" for count, kind in kinds if count)
            say(f"training of {job.model} with {what} submitted")
        code = ExitCode.OK
        if wait:
            [ended] = watch(farm, [job])
            code = exit_code_after([ended])
            training = farm.training(job.id)
            if as_json:
                print_json(training)
            elif training.adapter is not None:
                print(training.adapter)
        elif as_json:
            print_json(job)
        if code:
            say(f"It ended as {ended.status}; why: farm job {job.id}", "red")
            raise typer.Exit(code)


def _uploaded(farm: FarmClient, captions: Mapping[Path, str]) -> tuple[list[_Captioned], list[_Captioned]]:
    """The ids of pictures and of clips with their captions. Says of each file that is refused why; then raises Exit."""
    pictures: list[_Captioned] = []
    clips: list[_Captioned] = []
    worst = ExitCode.OK
    for file, caption in captions.items():
        try:
            sent = farm.add_input(file)
            (clips if sent.frames else pictures).append((sent.id, caption))
        except FarmError as error:
            print_error(error, str(file))
            worst = max(worst, exit_code_of(error))
            if worst is not ExitCode.REFUSED:
                break  # nor would the next one be taken
    if worst:
        raise typer.Exit(worst)
    return pictures, clips
