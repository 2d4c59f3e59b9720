"""A Valkey of a benchmark's own, as `farm up` starts it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm.local.processes import Processes
from farm.local.valkey import valkey


@contextmanager
def own_valkey(folder: Path) -> Iterator[str]:
    """Its address, while it runs."""
    (folder / "logs").mkdir()
    processes = Processes(folder / "logs", print)
    try:
        server = valkey(folder / "valkey", folder, password=secrets.token_hex())
        processes.start(server.program)
        processes.wait_ready([server.program.name])
        yield server.url
    finally:
        processes.stop()
