"""The farm's fork server on one machine: `python -m farm.local.fork_server --socket PATH MODULE...`.

It has imported these modules once, and forks the scheduler, the parents of workers and the engines' fork server: each
begins at once, and what was imported lies in memory once. It opens no connection and reads no setting.
"""

import argparse
import importlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from farm.catalog.loading import remember_shipped
from farm.forking.run_module import run_module
from farm.forking.server import Asked, Server, become, listen
from farm.garbage_collector import collector_paused
from farm.storage_access import load_descriptions


def main(arguments: Sequence[str] | None = None) -> None:
    """Import, then serve until the farm ends."""
    parser = argparse.ArgumentParser(prog="python -m farm.local.fork_server", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="where to ask; in a folder of ours alone")
    parser.add_argument("modules", nargs="*", help="what to import before")
    options = parser.parse_args(arguments)
    listening = listen(options.socket)  # who asks while it imports waits
    preload(options.modules)
    serve(listening)


def preload(modules: Sequence[str]) -> None:
    """Import what all that is forked imports, and read what all of it reads."""
    with collector_paused():
        for name in modules:
            importlib.import_module(name)
        load_descriptions()
        remember_shipped()


def serve(listening: socket.socket) -> None:
    """Serve until the farm ends. In a forked child: run the module that was asked for."""
    server = os.getpid()
    _run(Server(listening).serve(), server)


def _run(asked: Asked, server: int) -> None:
    """As `python -m MODULE ARGUMENT...` in a session of its own; it inherits the descriptor that came with it."""
    os.setsid()  # Ctrl-C in the terminal is for the parent, who stops us in order
    become(asked, server)
    os.set_inheritable(asked.descriptors[0], True)
    run_module(asked.request.options)


if __name__ == "__main__":
    main()
