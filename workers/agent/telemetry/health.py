"""`farm worker health`: whether the workers of this machine send heartbeats, for health checks of containers."""

import socket
from typing import Annotated

import psutil
import typer
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from farm.connections import Connections
from farm.console.completion import complete_own_pool
from farm.console.error_output import ExitCode
from farm.console.output import JsonOption, out, print_json
from farm.database import read
from farm.lifecycle import WorkerStatus
from farm.tables import Worker


def health(
    pool: Annotated[
        str | None, typer.Option(help="Of this pool only.", autocompletion=complete_own_pool, show_default=False)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How old the last heartbeat may be; FARM_WORKER_GONE_SECONDS.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a worker of this machine lives and sends heartbeats. Reads the database, loads no model.

    Exit codes: 0 one does, 1 none does, 2 the settings are wrong, 3 the database does not answer: nobody can say.
    """
    with Connections.open() as connections:
        allowed = seconds or connections.settings.worker_gone_seconds
        try:
            now = connections.measured_time()
            with read(connections.engine) as connection:
                beats = beats_here(connection, pool)
        except SQLAlchemyError:
            _tell(as_json, None, "The database does not answer: whether a worker lives cannot be said.")
            raise typer.Exit(ExitCode.UNREACHABLE) from None
    latest = max(beats, default=None)
    if latest is None:
        _tell(as_json, None, f"No worker{f' of {pool}' if pool else ''} runs on {socket.gethostname()}.")
        raise typer.Exit(ExitCode.FAILED)
    age = max(0.0, now - latest)
    _tell(as_json, age, f"The last heartbeat is {age:.0f} s old; {allowed:g} s are allowed.")
    if age > allowed:
        raise typer.Exit(ExitCode.FAILED)


def beats_here(connection: Connection, pool: str | None = None) -> list[float]:
    """When workers of this machine whose processes live were heard of last, in seconds since 1970."""
    here = select(Worker.pid, Worker.heartbeat_at).where(
        Worker.host == socket.gethostname(), Worker.status != WorkerStatus.GONE
    )
    rows = connection.execute(here if pool is None else here.where(Worker.pool == pool)).all()
    # A container that was started again has the name of the one before, and that one's rows.
    return [row.heartbeat_at for row in rows if psutil.pid_exists(row.pid)]


def _tell(as_json: bool, age: float | None, words: str) -> None:
    if as_json:
        print_json({"heartbeat_seconds": age, "said": words})
    else:
        out().print(words)
