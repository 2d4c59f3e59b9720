"""`farm mcp`: the farm as tools for language models."""

from __future__ import annotations

import typer

from farm.console.session import report_retries, say
from farm.errors import FarmError


class McpMissing(FarmError):
    """The package of the Model Context Protocol is not installed: `pip install 'latent-farm[mcp]'`."""

    type = "mcp-missing"
    title = "No Model Context Protocol"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="mcp")(serve)


def serve() -> None:
    """Serve the farm's tools for language models (MCP) on stdin and stdout, until the other side closes them.

    A program that runs language models starts it, with FARM_URL and FARM_KEY. Exit codes: 0, or 2 without the package.
    """
    try:
        from farm.mcp.server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise McpMissing from error
    report_retries()  # on stderr: stdout is the protocol's
    say("Tools: models, submit, wait, look, why. They speak MCP on stdin and stdout; stop with Ctrl-C.")
    make_server().run("stdio")
