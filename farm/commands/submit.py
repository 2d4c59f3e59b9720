"""`farm submit`: one job from prompts, watched and fetched if wished."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO
from urllib.parse import urljoin

import typer

from farm.byte_order_marks import lines_with_words
from farm.client import FarmClient, Job
from farm.client.files.file_names import DEFAULT_PATTERN, NamePattern
from farm.console.arguments import FileNamesOption
from farm.console.completion import complete_job, complete_model
from farm.console.job_progress import exit_code_after, watch
from farm.console.quote_text import show_quote
from farm.console.session import ExitCode, farm_at_hand, print_json, say
from farm.console.submission.request_options import read_typed, takes_request, upload_typed
from farm.console.submission.sweep_options import read_sweeps
from farm.console.submission.upload_progress import continue_file, send_file


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(submit)


@takes_request()
def submit(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A model of the farm's catalog, such as sana-demo.",
            autocompletion=complete_model,
        ),
    ] = None,
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT…", help="One or more; - reads them from stdin, one a line.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="A row for each render, .jsonl or .csv, up to a million."),
    ] = None,
    model_named: Annotated[
        str | None,
        typer.Option("--model", help="The model, if you like it by name.", autocompletion=complete_model),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Of --file: a corrected file goes on under the same key.")
    ] = None,
    continued: Annotated[
        str | None,
        typer.Option(
            "--continue",
            metavar="JOB",
            help="Go on with this job's --file, corrected from the refused row on.",
            autocompletion=complete_job,
        ),
    ] = None,
    comfyui: Annotated[
        Path | None,
        typer.Option(
            "--comfyui", metavar="FILE", help="A graph of ComfyUI, or a PNG with one; other options go before it."
        ),
    ] = None,
    openjd: Annotated[
        Path | None,
        typer.Option("--openjd", metavar="FILE", help="An OpenJD job template: its parameters as a sweep."),
    ] = None,
    *,
    sweep: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="NAME=V,V…", help="Render with each value: guidance_scale=1,3,5."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it has ended.")] = False,
    download: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Wait, then put the files into this folder.")
    ] = None,
    names: FileNamesOption = DEFAULT_PATTERN,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many renders it would be, what they cost and when.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the job as one line of JSON.")] = False,
    **typed: Any,
) -> None:
    """Submit a job: every prompt with every seed. Prints the job's id, then the files with --download.

    Exit codes: 0 accepted (with --wait: done), 1 the job did not end as done, 2 wrong usage or refused by the
    farm, 3 the farm does not answer, 130 Ctrl-C (the job goes on).
    """
    if model_named is not None:
        model, prompts = model_named, [*([model] if model is not None else []), *(prompts or [])]
    if file is None and key is not None:
        raise typer.BadParameter("belongs to --file", param_hint="--key")
    if continued is not None and file is None:
        raise typer.BadParameter("needs the --file to go on with", param_hint="--continue")
    if names != DEFAULT_PATTERN and download is None:
        raise typer.BadParameter("belongs to --download", param_hint="--name")
    NamePattern(names)  # is one, before anything is submitted
    told = read_prompts(prompts, sys.stdin) if prompts else []
    fields = read_typed(typed)
    for name, values in read_sweeps(sweep or []).items():
        if name in fields:
            raise typer.BadParameter(f"{name} is given on its own too; give it once", param_hint="--sweep")
        fields[name] = values
    if told:
        fields["prompt"] = told[0] if len(told) == 1 else told
    if comfyui is not None or openjd is not None:
        from farm.console.submission.imported_files import with_import

        model, fields, typed, file = with_import(comfyui, openjd, file, model, fields, typed)
    if continued is not None and (model or fields or key or any(typed.values())):
        raise typer.BadParameter("has its model and all else from the job; give --file alone", param_hint="--continue")
    if model is None and continued is None:
        raise typer.BadParameter("name the model", param_hint="MODEL")
    if file is None and "prompt" not in fields:
        raise typer.BadParameter("give one, or --file", param_hint="PROMPT…")
    _take_choices(fields)
    model = model or ""  # the job of --continue has its own
    with farm_at_hand() as farm:
        if file is not None and dry_run:
            raise typer.BadParameter("says nothing of a file", param_hint="--dry-run")
        fields |= upload_typed(farm, typed)
        if dry_run:
            show_quote(farm.quote(model or "", **fields), as_json=as_json)
            return
        if continued is not None and file is not None:
            job = continue_file(farm, farm.find_job_id(continued), file)
        elif file is not None:
            job = send_file(farm, model, file, key, fields)
        else:
            job = farm.submit(model, **fields)
        for notice in job.notices:
            say(f"Note: {notice}", "yellow")
        if not as_json:
            print(job.id, flush=True)
            noun = "render" if job.total == 1 else "renders"
            from_rows = "" if job.rows is None else f" from {job.rows:,} {'row' if job.rows == 1 else 'rows'}"
            say(f"{job.total:,} {noun} of {job.model} submitted{from_rows}{_page(farm, job)}")
            if job.ended:
                said = f"That job has ended as {job.status}: {job.done:,} of {job.total:,} done."
                say(f"{said} The same file under the same key is the same job; --key NAME makes a new one.", "yellow")
        code = ExitCode.OK
        files: list[Path] = []
        if wait or download is not None:
            [ended] = watch(farm, [job])
            job = ended.model_copy(update={"notices": job.notices})
            code = exit_code_after([job])
        if download is not None:
            files = _download(farm, job, download, names, quiet=as_json)
        if as_json:
            print_json({**job.model_dump(mode="json", by_alias=True), "files": [str(path) for path in files]})
        if code:
            say(f"The job ended as {job.status}; why: farm job {job.id}", "red")
            raise typer.Exit(code)


def _take_choices(fields: dict[str, Any]) -> None:
    """`{red|blue}` in what was typed, or in a graph of ComfyUI: one by chance, as on the page Submit."""
    prompts = fields.get("prompt", [])
    told = [prompts] if isinstance(prompts, str) else prompts
    if not any("|" in prompt for prompt in told):
        return
    from farm.params.checks.pasted_choices import take_choices

    gapped, chosen = take_choices(told, fields.get("wildcards", ()))
    if not chosen:
        return
    fields["prompt"] = gapped[0] if isinstance(prompts, str) else gapped
    fields["wildcards"] = chosen | fields.get("wildcards", {})
    for name, texts in chosen.items():
        say(
            f"Note: of {{{'|'.join(texts)}}} one is taken by chance, by the seed (as the wildcard __{name}__)", "yellow"
        )


def read_prompts(prompts: Sequence[str], stdin: TextIO) -> list[str]:
    """The prompts, with each '-' replaced by the lines of stdin that say something."""
    found: list[str] = []
    for prompt in prompts:
        if prompt == "-":
            found += lines_with_words(_text_of(stdin))
        else:
            found.append(prompt)
    if not found:
        raise typer.BadParameter("stdin holds no prompt", param_hint="PROMPT…")
    return found


def _text_of(stdin: TextIO) -> str:
    try:
        return stdin.read()
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"stdin is not UTF-8 text (byte {error.start:,})", param_hint="PROMPT…") from error


def _download(farm: FarmClient, job: Job, folder: Path, names: str, *, quiet: bool) -> list[Path]:
    return farm.download(job.id, folder, on_file=None if quiet else lambda path: print(path, flush=True), names=names)


def _page(farm: FarmClient, job: Job) -> str:
    page = job.links.get("page")
    return f"; see {urljoin(farm.url, page)}" if page else ""
