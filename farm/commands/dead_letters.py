"""`farm dead-letters`: renders that failed for good, and another try for them."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.client import DeadLetter
from farm.console.completion import complete_job, complete_model, complete_render
from farm.console.durations import ago
from farm.console.session import farm_at_hand, out, print_json, say
from farm.console.tables import print_list


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("dead-letters")(dead_letters)


def dead_letters(
    render_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID…]", help="Ids of renders to retry.", autocompletion=complete_render),
    ] = None,
    job: Annotated[str | None, typer.Option(help="Only of this job.", autocompletion=complete_job)] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.", autocompletion=complete_model)] = None,
    reason: Annotated[str | None, typer.Option(help="Only with these words in the reason.")] = None,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="For operators: of every project.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Let all that are found be tried again.")] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Print the last log lines of their workers, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="List at most so many, the newest first.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print them, or what is tried again, as JSON.")] = False,
) -> None:
    """List the renders that failed for good, or let them be tried again.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    if render_ids and not retry:
        raise typer.BadParameter("ids are for --retry; the list takes --job, --model and --reason")
    with farm_at_hand() as farm:
        job_id = None if job is None else farm.find_job_id(job)
        if retry:
            chosen = [farm.find_render_id(render_id) for render_id in render_ids or ()]
            retried = farm.retry_dead_letters(
                chosen, job_id=job_id, model=model, reason=reason, everything=True, all_projects=all_projects
            )
            if as_json:
                print_json(retried)
                return
            say(f"{retried.renders} renders of {retried.jobs} jobs are tried again")
            for paused in retried.paused_jobs:
                say(f"job {paused} is paused; resume it, then retry its renders", "yellow")
            return
        found = list(
            farm.dead_letters(job_id=job_id, model=model, reason=reason, all_projects=all_projects, limit=limit)
        )
        now = farm.time()
    if as_json:
        print_json(found)
        return
    _print(found, now)
    if logs:
        for letter in found:
            _print_logs(letter)


def _print(found: list[DeadLetter], now: float) -> None:
    print_list(
        ["render", "project", "model", "failed", "failures", "reason", "prompt"],
        (
            [
                letter.render_id,
                letter.project,
                letter.model,
                ago(letter.failed_at, now),
                str(letter.failures),
                letter.reason or "",
                letter.prompt[:60],
            ]
            for letter in found
        ),
        nothing="No render has failed for good.",
    )


def _print_logs(letter: DeadLetter) -> None:
    for attempt in letter.attempts:
        if attempt.log_lines:
            out().print(f"\n{letter.render_id}, attempt {attempt.number} on worker {attempt.worker_id}:", markup=False)
            out().print(attempt.log_lines, markup=False, highlight=False)
