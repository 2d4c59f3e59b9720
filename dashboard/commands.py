"""The command `farm dashboard`."""

import os
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from farm.errors import CommandNotInstalled


def register(app: typer.Typer) -> None:
    """Add the commands of this package."""

    @app.command()
    def dashboard(
        host: Annotated[str | None, typer.Option(help="Address to listen at; FARM_DASHBOARD_HOST.")] = None,
        port: Annotated[int | None, typer.Option(help="Port to listen at; FARM_DASHBOARD_PORT.")] = None,
    ) -> None:
        """Serve the web pages and the HTTP API."""
        if find_spec("gevent") is None or find_spec("flask") is None:
            raise CommandNotInstalled("`farm dashboard` needs: pip install 'latent-farm[dashboard]'")
        command = [sys.executable, "-m", "dashboard"]
        if host is not None:
            command += ["--host", host]
        if port is not None:
            command += ["--port", str(port)]
        # A fresh interpreter in the same process: the server must be the first to import ssl and threading.
        os.execv(sys.executable, command)  # noqa: S606
