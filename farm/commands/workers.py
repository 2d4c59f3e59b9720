"""`farm workers`: who renders, and who may again."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from farm.console.completion import complete_worker
from farm.console.session import JsonOption, clean, farm_at_hand, print_json, say
from farm.console.tables import print_workers

#: How often a log that is followed is asked for.
POLL_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Add the command, and what can be done to a worker."""
    commands = typer.Typer(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
    commands.callback()(workers)
    commands.command()(release)
    commands.command()(drain)
    commands.command()(log)
    app.add_typer(commands, name="workers")


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


def log(
    worker_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a worker.", autocompletion=complete_worker)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option(min=0, max=300, help="So many of the newest lines.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Print the newest lines of a worker's log, its own and those of its engine, without secrets. For operators.

    Exit codes: 0, or 2 refused by the farm, 3 the farm does not answer, 130 Ctrl-C.
    """
    with farm_at_hand() as farm:
        found = farm.worker_log(worker_id)
        seen = found[-1].number if found else 0
        shown = found[-lines:] if lines else []
        if as_json and not follow:
            print_json(shown)
            return
        while True:
            for line in shown:
                if as_json:
                    print_json(line)
                else:
                    print(clean(line.text), flush=True)
            if not follow:
                return
            time.sleep(POLL_SECONDS)
            shown = farm.worker_log(worker_id, seen)
            seen = shown[-1].number if shown else seen
