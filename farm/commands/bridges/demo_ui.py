"""`farm demo-ui`: a page to try a farm's models on."""

from __future__ import annotations

import signal
import threading
from importlib.util import find_spec
from typing import Annotated

import typer

from farm.client.connection.address import is_loopback
from farm.console.output import JsonOption, answer
from farm.console.session import farm_at_hand, say
from farm.errors import CommandNotInstalled


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo-ui")(demo_ui)


def demo_ui(
    host: Annotated[str, typer.Option(help="The address to listen at; 127.0.0.1 is for this machine alone.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen at.")] = 7860,
    as_json: JsonOption = False,
) -> None:
    """Serve a page to try the farm's models on, print where it is, and run until Ctrl-C or SIGTERM.

    Whoever reaches the page renders with FARM_KEY: it has no sign-in of its own. Pictures are seen by the visitor who
    asked for them, and by everybody with access to the key's project.

    Exit codes: 0, 2 wrong usage or refused by the farm, 3 the farm does not answer.
    """
    if find_spec("gradio") is None:
        raise CommandNotInstalled("`farm demo-ui` needs: pip install 'latent-farm[gradio]'")
    from farm.gradio_ui.server import served

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with farm_at_hand() as farm, served(farm, host, port) as url:
        if not is_loopback(f"http://{host}"):
            say(f"Everybody who reaches {host} renders with your FARM_KEY, and spends its quota.", "yellow")
        answer(as_json, {"url": url}, f"The page is at {url}. Stop it with Ctrl-C.")
        stop.wait()
