"""The worker's verbs of the `farm` command."""

from typing import Annotated

import typer

from farm.connections import Connections
from farm.logs import configure_logging


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)


def worker(pool: Annotated[str, typer.Option(help="The pool of the catalog to serve.")]) -> None:
    """Serve one pool: load its model, keep it resident, render what is pending until told to stop."""
    from workers.worker import Worker

    connections = Connections.open()
    configure_logging(connections.settings)
    with connections:
        Worker(connections, pool).run()
