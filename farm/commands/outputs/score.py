"""`farm score`: have outputs scored, and list them by their scores."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from farm.client import FarmClient
from farm.client.replies import Render, Score, Scorer
from farm.console.arguments import read_filters, takes_filters
from farm.console.completion import complete_job
from farm.console.session import ExitCode, JsonOption, farm_at_hand, print_json, say
from farm.console.tables import print_list
from farm.contact_sheet import figures

#: How often is asked how far it is, and after how long without a figure people are told what may be missing; seconds.
LOOK_SECONDS = 0.5
STILL_SECONDS = 20.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(score)


@takes_filters
def score(
    job_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[JOB]", help="The job's id, or last; none: of the gallery.", autocompletion=complete_job
        ),
    ] = None,
    *,
    scorers: Annotated[
        str | None, typer.Option("--with", metavar="NAMES", help="Scorers with commas; the first says the order.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="The whole gallery.")] = False,
    best: Annotated[int | None, typer.Option(min=1, help="List only so many, the best.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Score anew what has a figure.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until all is scored.")] = True,
    as_json: JsonOption = False,
    **typed: Any,
) -> None:
    """Have finished outputs scored, then list them, the best first. Without --with: list the scorers.

    Of a job, or of the newest 20,000 of the gallery; where several filters are given, all must hold.

    Exit codes: 0, 1 some outputs have no figure, 2 wrong usage or refused by the farm, 3 the farm does not answer,
    130 Ctrl-C (the scoring goes on).
    """
    names = [name.strip() for name in (scorers or "").split(",") if name.strip()]
    if scorers is not None and not names:
        raise typer.BadParameter("names no scorer; `farm score` without it lists them", param_hint="--with")
    with farm_at_hand() as farm:
        if not names:
            _print_scorers(farm.scorers(), as_json)
            return
        chosen = read_filters(farm, typed)
        if job_id is not None:
            chosen["job"] = farm.find_job_id(job_id)
        elif not everything and not chosen:
            raise typer.BadParameter("name a job, or choose of the gallery: --tag, --board, --text and more, or --all")
        asked = farm.ask_scores(names, again=again, **chosen)
        say(f"{asked.scores:,} scores of {asked.renders:,} renders to come")
        if wait:
            _wait(farm, names, chosen)
        done = {name: list(farm.scores(name, **chosen)) for name in names}
        failed = [one for name in names for one in farm.scores(name, status="failed", **chosen)]
        _print(farm, names, done, failed, chosen, best=best, as_json=as_json)
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _wait(farm: FarmClient, names: Sequence[str], chosen: dict[str, Any]) -> None:
    """Until nothing is pending."""
    left, since, told = None, time.monotonic(), False
    while pending := sum(farm.count_scores(name, **chosen).pending for name in names):
        if pending != left:
            left, since = pending, time.monotonic()
        elif not told and time.monotonic() - since > STILL_SECONDS:
            told = True
            say(
                f"nothing was scored for {STILL_SECONDS:.0f} seconds: it waits for others, no `farm scorer` runs, or"
                " one fell, and another takes over what it held within a quarter of an hour",
                "yellow",
            )
        time.sleep(LOOK_SECONDS)


def _print(
    farm: FarmClient,
    names: Sequence[str],
    done: dict[str, list[Score]],
    failed: Sequence[Score],
    chosen: dict[str, Any],
    *,
    best: int | None,
    as_json: bool,
) -> None:
    """The outputs in the order of the first scorer's figures; those without one last."""
    values: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for name in names:
        for one in done[name]:
            if one.value is not None:
                values[one.render_id][name] = one.value
    where = {one.render_id: one for name in names for one in done[name]}
    ids = list(values)[:best]
    if as_json:
        print_json(
            {
                "items": [
                    {
                        "render_id": one,
                        "job_id": where[one].job_id,
                        "index": where[one].index,
                        "scores": values[one],
                    }
                    for one in ids
                ],
                "failed": [{"render_id": one.render_id, "scorer": one.scorer, "reason": one.reason} for one in failed],
            }
        )
        return
    renders: dict[str, Render] = {one.id: one for one in farm.gallery(**chosen)}
    print_list(
        ["render", *names, "seed", "prompt"],
        (
            [
                one,
                *(figures(values[one][name]) if name in values[one] else "–" for name in names),
                str(renders[one].parameters.get("seed")) if one in renders else "",
                str(renders[one].parameters.get("prompt")) if one in renders else "",
            ]
            for one in ids
        ),
        nothing="Nothing is scored.",
    )
    _print_failed(failed)


def _print_failed(failed: Sequence[Score]) -> None:
    """Each reason once, with how many it holds for."""
    reasons: defaultdict[tuple[str, str], int] = defaultdict(int)
    for one in failed:
        reasons[one.scorer, one.reason or ""] += 1
    for (scorer, reason), count in reasons.items():
        say(f"{scorer}: no figure for {count:,} of them: {reason}", "yellow")


def _print_scorers(scorers: Sequence[Scorer], as_json: bool) -> None:
    if as_json:
        print_json(scorers)
        return
    rows = ([one.name, one.reads, "weights" if one.weights else "", one.about] for one in scorers)
    print_list(["scorer", "reads", "needs", "what it says"], rows, nothing="No scorer is installed.")
