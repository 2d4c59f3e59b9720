"""`farm workers`: who renders, and who may again."""

from __future__ import annotations

from typing import Annotated

import typer

from farm.console.completion import complete_worker
from farm.console.session import JsonOption, farm_at_hand, print_json, say
from farm.console.tables import print_workers


def register(app: typer.Typer) -> None:
    """Add the verb, and what can be done to a worker."""
    verbs = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
    verbs.callback()(workers)
    verbs.command()(release)
    verbs.command()(drain)
    app.add_typer(verbs, name="workers")


def workers(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as a JSON list.")] = False,
) -> None:
    """List the workers that the farm has seen lately.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    if context.invoked_subcommand is not None:
        return
    with farm_at_hand() as farm:
        found = farm.workers()
        if as_json:
            print_json(found)
        else:
            print_workers(found, farm.time())


def release(
    worker_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a quarantined worker.", autocompletion=complete_worker)
    ],
    as_json: JsonOption = False,
) -> None:
    """Let a quarantined worker claim again. For operators.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        worker = farm.release_worker(worker_id)
    if as_json:
        print_json(worker)
        return
    say(f"worker {worker.id} of pool {worker.pool} claims again from its next heartbeat on")


def drain(
    worker_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a worker.", autocompletion=complete_worker)],
    as_json: JsonOption = False,
) -> None:
    """Let a worker finish what it holds, and end. For operators.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        worker = farm.drain_worker(worker_id)
    if as_json:
        print_json(worker)
        return
    say(f"worker {worker.id} of pool {worker.pool} takes nothing new, and ends when it has finished")
