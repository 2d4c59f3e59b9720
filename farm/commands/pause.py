"""`farm pause` and `farm resume`: jobs, a project, a lane, a pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from farm.client import FarmClient, Switched
from farm.console.arguments import JobIds, PoolName
from farm.console.bulk_action import for_each_job
from farm.console.session import JsonOption, farm_at_hand, print_json, say

Name = Annotated[str, typer.Argument(help="Its name.")]


def register(app: typer.Typer) -> None:
    """Add the two groups."""
    pause = typer.Typer(no_args_is_help=True, help="Let nothing more of it start; what runs ends.")
    resume = typer.Typer(no_args_is_help=True, help="Let what was paused go on.")
    for group, verb in ((pause, "pause"), (resume, "resume")):
        group.command("job")(_jobs(verb))
        for kind in ("project", "lane", "pool"):
            group.command(kind)(_switch(verb, kind))
    app.add_typer(pause, name="pause")
    app.add_typer(resume, name="resume")


def _jobs(verb: str) -> Callable[..., None]:
    def command(job_ids: JobIds, as_json: JsonOption = False) -> None:
        control = FarmClient.pause if verb == "pause" else FarmClient.resume
        for_each_job(job_ids, control, as_json)

    what = "Hold what waits of these jobs" if verb == "pause" else "Let these jobs go on"
    command.__doc__ = f"{what}; all ids are tried.\n\n    Exit codes: 0, 2 refused one, 3 no answer.\n    "
    return command


def _switch(verb: str, kind: str) -> Callable[..., None]:
    def command(name: Name, as_json: JsonOption = False) -> None:
        with farm_at_hand() as farm:
            done: Switched = getattr(farm, f"{verb}_{kind}")(name)
            if as_json:
                print_json(done)
                return
            say(f"{done.kind} {done.name} is {'paused' if done.paused else 'going on'}")

    if kind == "pool":
        command.__annotations__["name"] = PoolName  # which the shell completes
    who = "your own, or as an operator any" if kind == "project" else "for operators"
    command.__doc__ = f"{verb.capitalize()} a {kind} ({who}).\n\n    Exit codes: 0, 2 refused, 3 no answer.\n    "
    return command
