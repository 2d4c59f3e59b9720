"""`farm drafts`, `farm keep` and `farm drop`: renders that stopped at a step wait for a choice."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from farm.client import FarmClient
from farm.console.session import farm_at_hand, say
from farm.console.tables import print_list
from farm.errors import Conflict

RenderIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Ids of renders, as `farm drafts` lists them.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(drafts)
    app.command()(keep)
    app.command()(drop)


def drafts(job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]) -> None:
    """List the drafts of a job that wait for a choice; `farm download --kind draft` fetches what they show.

    Exit codes: 0, 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        rows = (
            [
                render.id,
                f"{render.parameters.get('stop_at_step')} of {render.parameters.get('num_inference_steps')}",
                str(render.parameters.get("seed")),
                str(render.parameters.get("prompt")),
            ]
            for render in farm.drafts(job_id)
        )
        print_list(["render", "step", "seed", "prompt"], rows, nothing="No draft of this job waits for a choice.")


def keep(
    render_ids: RenderIds,
    stop_siblings: Annotated[
        bool, typer.Option("--stop-siblings", help="Cancel the other renders with the same prompt.")
    ] = False,
    stop_others: Annotated[bool, typer.Option("--stop-others", help="Cancel all other renders of the job.")] = False,
) -> None:
    """Let drafts go on from their step. All must be of one job.

    Exit codes: 0, 2 refused by the farm, 3 the farm does not answer.
    """
    stop: Literal["prompt", "job"] | None = "job" if stop_others else "prompt" if stop_siblings else None
    with farm_at_hand() as farm:
        done = farm.keep(_job_of(farm, render_ids), render_ids, stop=stop)
        stopped = f", {done.stopped:,} stopped" if stop else ""
        say(f"{done.kept:,} {'draft goes' if done.kept == 1 else 'drafts go'} on{stopped}")


def drop(render_ids: RenderIds) -> None:
    """Cancel drafts that nobody wants; what they show stays until their job is removed.

    Exit codes: 0, 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        for render_id in render_ids:
            render = farm.cancel_render(render_id)
            say(f"render {render.id} is {render.status}")


def _job_of(farm: FarmClient, render_ids: list[str]) -> str:
    """The job that all of them belong to. Raises Conflict."""
    jobs = {farm.render(render_id).job_id for render_id in render_ids}
    if len(jobs) > 1:
        raise Conflict("These renders belong to several jobs; keep those of one job at a time.")
    return jobs.pop()
