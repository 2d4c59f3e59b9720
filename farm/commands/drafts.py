"""`farm drafts`, `farm keep` and `farm drop`: renders that stopped at a step wait for a choice."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from farm.client import FarmClient
from farm.console.arguments import JobId, RenderIds
from farm.console.session import JsonOption, farm_at_hand, print_json, say
from farm.console.tables import print_list
from farm.errors import Conflict


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(drafts)
    app.command()(keep)
    app.command()(drop)


def drafts(job_id: JobId, as_json: JsonOption = False) -> None:
    """List the drafts of a job that wait for a choice; `farm download --kind draft` fetches what they show.

    Exit codes: 0, 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.drafts(farm.find_job_id(job_id))
        if as_json:
            print_json(found)
            return
        rows = (
            [
                render.id,
                f"{render.parameters.get('stop_at_step')} of {render.parameters.get('num_inference_steps')}",
                str(render.parameters.get("seed")),
                str(render.parameters.get("prompt")),
            ]
            for render in found
        )
        print_list(["render", "step", "seed", "prompt"], rows, nothing="No draft of this job waits for a choice.")


def keep(
    render_ids: RenderIds,
    stop_siblings: Annotated[
        bool, typer.Option("--stop-siblings", help="Cancel the other renders with the same prompt.")
    ] = False,
    stop_others: Annotated[bool, typer.Option("--stop-others", help="Cancel all other renders of the job.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let drafts go on from their step. All must be of one job.

    Exit codes: 0, 2 refused by the farm, 3 the farm does not answer.
    """
    stop: Literal["prompt", "job"] | None = "job" if stop_others else "prompt" if stop_siblings else None
    with farm_at_hand() as farm:
        chosen = [farm.find_render_id(render_id) for render_id in render_ids]
        done = farm.keep(_job_of(farm, chosen), chosen, stop=stop)
        if as_json:
            print_json(done)
            return
        stopped = f", {done.stopped:,} stopped" if stop else ""
        say(f"{done.kept:,} {'draft goes' if done.kept == 1 else 'drafts go'} on{stopped}")


def drop(render_ids: RenderIds, as_json: JsonOption = False) -> None:
    """Cancel drafts that nobody wants; what they show stays until their job is removed.

    Exit codes: 0, 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        dropped = []
        for render_id in render_ids:
            dropped.append(farm.cancel_render(farm.find_render_id(render_id)))
            if not as_json:
                say(f"render {dropped[-1].id} is {dropped[-1].status}")
        if as_json:
            print_json(dropped)


def _job_of(farm: FarmClient, render_ids: list[str]) -> str:
    """The job that all of them belong to. Raises Conflict."""
    jobs = {farm.find_render(render_id).job_id for render_id in render_ids}
    if len(jobs) > 1:
        raise Conflict("These renders belong to several jobs; keep those of one job at a time.")
    return jobs.pop()
