"""The command `farm simulate`: play a trace on a virtual fleet, compare policies, plan capacity."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from farm.console.output import JsonOption
from scheduler.simulate.scenario import Wishes, answer


class Pattern(StrEnum):
    """How a trace is made when none is given."""

    POISSON = "poisson"
    DIURNAL = "diurnal"
    BURST = "burst"
    MONSTER = "monster"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What arrives when: CSV or JSON lines (docs/simulate.md).")
    ] = None,
    generate: Annotated[Pattern, typer.Option(help="Make a trace of this kind instead.")] = Pattern.POISSON,
    rate: Annotated[float, typer.Option(min=0.0001, help="Renders a second; of diurnal and burst at the peak.")] = 1.0,
    hours: Annotated[float, typer.Option(min=0.001, help="Length of the made trace.")] = 1.0,
    renders: Annotated[int, typer.Option(min=1, help="Of the monster.")] = 10_000,
    model: Annotated[str, typer.Option(help="Of arrivals that name none.")] = "sana-demo",
    workers: Annotated[int, typer.Option(min=0, help="In each pool; with --autoscale, at the beginning.")] = 1,
    autoscale: Annotated[bool, typer.Option("--autoscale", help="Let the autoscaler decide how many.")] = False,
    maximum: Annotated[int, typer.Option(min=1, help="Workers at the most, where the pool has no scaling.")] = 100,
    target: Annotated[float, typer.Option(min=0.1, help="Seconds of waiting that it steers by, likewise.")] = 60.0,
    plan: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Find the fewest workers: 95 % start within this time.")
    ] = None,
    policy: Annotated[
        str, typer.Option(help="ours, fifo, fifo-batches, priority-queues, queue-length; commas between them.")
    ] = "ours",
    queue_target: Annotated[int, typer.Option(min=1, help="Waiting renders for each worker of queue-length.")] = 8,
    max_batch: Annotated[int | None, typer.Option(min=1, help="Renders of a batch; by default the pool's.")] = None,
    gain: Annotated[
        str | None, typer.Option(metavar="ROWS=GAIN,…", help="Batch curve: renders a second beside one: 1=1,8=3.2")
    ] = None,
    slowness: Annotated[float, typer.Option(min=0.0001, help="Real seconds for each of the catalog's seed.")] = 1.0,
    startup: Annotated[float, typer.Option(min=0, help="Seconds until a new worker renders.")] = 90.0,
    price: Annotated[float | None, typer.Option(min=0, help="Of a worker's hour; by default the pool's.")] = None,
    crashes: Annotated[float, typer.Option(min=0, help="Of a worker in an hour.")] = 0.0,
    preemptions: Annotated[float, typer.Option(min=0, help="Spot, of a worker in an hour.")] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.")] = 0,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write tables and plots as one HTML page.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play a trace on a virtual fleet: who waits how long, how fair it is, what it costs. Needs no running farm.

    Exit codes: 0 done, 2 wrong usage.
    """
    answer(
        Wishes(
            trace=trace,
            pattern=generate.value,
            rate=rate,
            seconds=hours * 3600,
            renders=renders,
            model=model,
            workers=workers,
            autoscale=autoscale,
            maximum=maximum,
            target=target,
            plan=plan,
            policy=policy,
            queue_target=queue_target,
            max_batch=max_batch,
            gain=gain,
            slowness=slowness,
            startup=startup,
            price=price,
            crashes=crashes,
            preemptions=preemptions,
            seed=seed,
            report=report,
            as_json=as_json,
        )
    )
