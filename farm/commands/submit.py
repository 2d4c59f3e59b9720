"""`farm submit`: one job from prompts, watched and fetched if wished."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO
from urllib.parse import urljoin

import typer

from farm.byte_order_marks import lines_with_words
from farm.client import FarmClient, Job
from farm.console.job_progress import exit_code_after, watch
from farm.console.quote_text import show_quote
from farm.console.session import ExitCode, farm_at_hand, print_json, say
from farm.console.sweeping import read_choices, read_dialect, read_rows, read_sweeps
from farm.console.upload_progress import adapter_of, input_of, send_file


class Speed(StrEnum):
    """Whether all of the model runs in every pass."""

    QUALITY = "quality"
    FAST = "fast"


class AfterFailure(StrEnum):
    """What follows for a job when one that it waits for does not end as done."""

    CANCEL = "cancel"
    RUN = "run"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(submit)


def submit(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A model of the farm's catalog, such as sana-demo.")
    ] = None,
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT…", help="One or more; - reads them from stdin, one a line.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="A row for each render, .jsonl or .csv, up to a million."),
    ] = None,
    model_named: Annotated[str | None, typer.Option("--model", help="The model, if you like it by name.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Of --file: a corrected file goes on under the same key.")
    ] = None,
    negative: Annotated[str | None, typer.Option("--negative", help="What the picture should not show.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many seeds to draw for each prompt.")] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option("--seed", min=-1, help="A seed, or -1 for a drawn one; give it again for more."),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of a clip.")] = None,
    fps: Annotated[int | None, typer.Option(help="Frames a second of a clip.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the prompt.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Such as euler or dpm++-2m.")] = None,
    speed: Annotated[
        Speed | None, typer.Option(help="fast leaves out of passes what hardly changes, where the model has a way.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="FILE|ID", help="A picture to start from: a file, or an id of farm inputs.")
    ] = None,
    control_image: Annotated[
        str | None, typer.Option(metavar="FILE|ID", help="A picture that steers the composition, named like that.")
    ] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:WEIGHT", help="An adapter of the catalog, an id, or a file; give again for more."),
    ] = None,
    allow_partial: Annotated[
        bool, typer.Option("--allow-partial", help="Take adapters too of which the model uses only some layers.")
    ] = False,
    stop_at_step: Annotated[
        int | None, typer.Option(min=1, help="Show a draft after so many steps, and wait for a choice: farm keep.")
    ] = None,
    output_format: Annotated[
        str | None, typer.Option("--format", help="png, webp, jpeg or avif; of a clip mp4, webp or gif.")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="Of the file, 1 to 100.")] = None,
    latents: Annotated[bool, typer.Option("--latents", help="Store what the VAE decodes too.")] = False,
    post: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A post-processor (plugin); give again for more.")
    ] = None,
    scorer: Annotated[str | None, typer.Option(metavar="NAME", help="A plugin that scores each output.")] = None,
    keep_best: Annotated[
        int | None, typer.Option("--keep-best", min=1, help="Of the seeds of each prompt, keep so many outputs.")
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="NAME=V,V…", help="Render with each value: guidance_scale=1,3,5."),
    ] = None,
    variable: Annotated[
        list[str] | None,
        typer.Option("--var", metavar="NAME=T,T…", help="Fill {NAME} in the prompts with each text."),
    ] = None,
    wildcard: Annotated[
        list[str] | None,
        typer.Option("--wildcard", metavar="NAME=T,T…", help="Fill __NAME__ with one text, drawn by the seed."),
    ] = None,
    rows: Annotated[
        Path | None, typer.Option("--rows", metavar="CSV", help="A prompt for each row; {NAME} is its column.")
    ] = None,
    csv_dialect: Annotated[
        list[str] | None,
        typer.Option("--csv", metavar="NAME=C", help="Of a table: delimiter=; or escapechar=\\; most need none."),
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="How urgent it is: urgent, normal, bulk, or as the farm has them.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="The job's name; by default its first prompt.")] = None,
    not_before: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Hold it until then: seconds from now, or 2030-01-31T18:00+01:00."),
    ] = None,
    deadline: Annotated[
        str | None, typer.Option(metavar="WHEN", help="What has not ended by then expires; written like that.")
    ] = None,
    after: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Run after this job; give again for more.")
    ] = None,
    after_failure: Annotated[
        AfterFailure | None, typer.Option(help="If such a job does not end as done: cancel this one, or run it.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Watch until it has ended.")] = False,
    download: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Wait, then put the files into this folder.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many renders it would be, what they cost and when.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the job as one line of JSON.")] = False,
) -> None:
    """Submit a job: every prompt with every seed. Prints the job's id, then the files with --download.

    Exit codes: 0 accepted (with --wait: done), 1 the job did not end as done, 2 wrong usage or refused by the
    farm, 3 the farm does not answer, 130 Ctrl-C (the job goes on).
    """
    if model_named is not None:
        model, prompts = model_named, [*([model] if model is not None else []), *(prompts or [])]
    if model is None:
        raise typer.BadParameter("name the model", param_hint="MODEL")
    if file is None and not prompts:
        raise typer.BadParameter("give one, or --file", param_hint="PROMPT…")
    if file is None and key is not None:
        raise typer.BadParameter("belongs to --file", param_hint="--key")
    told = read_prompts(prompts, sys.stdin) if prompts else []
    fields: dict[str, Any] = {
        "negative_prompt": negative,
        "seed_count": seeds,
        "seed": seed[0] if seed and len(seed) == 1 else None,
        "seeds": seed if seed and len(seed) > 1 else None,
        "width": width,
        "height": height,
        "num_frames": frames,
        "fps": fps,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
        "sampler": sampler,
        "speed": speed,
        "output_format": output_format,
        "output_quality": quality,
        "keep_latents": latents or None,
        "post_processors": post or None,
        "scorer": scorer,
        "keep_best": keep_best,
        "allow_partial": allow_partial or None,
        "stop_at_step": stop_at_step,
        "class_name": class_name,
        "title": title,
        "not_before": read_when(not_before),
        "deadline": read_when(deadline),
        "after": after or None,
        "after_failure": after_failure,
        "variables": read_choices(variable or [], "--var") or None,
        "wildcards": read_choices(wildcard or [], "--wildcard") or None,
        "rows": read_rows(rows) if rows else None,
        "csv_dialect": read_dialect(csv_dialect or []) or None,
    }
    for name, values in read_sweeps(sweep or []).items():
        if fields.get(name) is not None:
            raise typer.BadParameter(f"{name} is given on its own too; give it once", param_hint="--sweep")
        fields[name] = values
    if told:
        fields["prompt"] = told[0] if len(told) == 1 else told
    with farm_at_hand() as farm:
        if file is not None and dry_run:
            raise typer.BadParameter("says nothing of a file", param_hint="--dry-run")
        for name, given in (("image", image), ("control_image", control_image)):
            fields[name] = given and input_of(farm, given)
        fields["loras"] = [adapter_of(farm, given) for given in lora or []] or None
        if dry_run:
            show_quote(farm.quote(model, **fields), as_json=as_json)
            return
        job = send_file(farm, model, file, key, fields) if file is not None else farm.submit(model, **fields)
        for notice in job.notices:
            say(f"Note: {notice}", "yellow")
        if not as_json:
            print(job.id, flush=True)
            noun = "render" if job.total == 1 else "renders"
            from_rows = "" if job.rows is None else f" from {job.rows:,} {'row' if job.rows == 1 else 'rows'}"
            say(f"{job.total:,} {noun} of {job.model} submitted{from_rows}{_page(farm, job)}")
        code = ExitCode.OK
        files: list[Path] = []
        if wait or download is not None:
            [ended] = watch(farm, [job])
            job = ended.model_copy(update={"notices": job.notices})
            code = exit_code_after([job])
        if download is not None:
            files = _download(farm, job, download, quiet=as_json)
        if as_json:
            print_json({**job.model_dump(mode="json", by_alias=True), "files": [str(path) for path in files]})
        if code:
            say(f"The job ended as {job.status}; why: farm job {job.id}", "red")
            raise typer.Exit(code)


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


def read_when(text: str | None) -> float | str | None:
    """Seconds from now as a number; anything else as it was typed: the farm reads it as ISO 8601."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _download(farm: FarmClient, job: Job, folder: Path, *, quiet: bool) -> list[Path]:
    return farm.download(job.id, folder, on_file=None if quiet else lambda path: print(path, flush=True))


def _page(farm: FarmClient, job: Job) -> str:
    page = job.links.get("page")
    return f"; see {urljoin(farm.url, page)}" if page else ""
