"""The real server process over a house, for tests that need a network or a browser."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.dashboard.conftest import House
from tests.waiting import eventually


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(
    house: House, log: Path, module: Sequence[str] = ("dashboard",)
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The server over the house's database: its address and its process.

    `module` is what Python runs: what `farm dashboard` becomes, or the command itself, which imports more before.
    """
    port = _free_port()
    variables = {**os.environ, **house.connections.settings.to_variables()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module, "--port", str(port)],
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(verify=False) as client:  # reading all authorities' certificates would take most of the time
            eventually(lambda: process.poll() is not None or _answers(client, url), timeout=240)
        assert process.poll() is None, log.read_text()
        yield url, process
    finally:
        process.kill()
        process.wait()


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
