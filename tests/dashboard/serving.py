"""The real server process over a house, for tests that need a network or a browser."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx

from farm.forking.client import ForkedProcess, ForkServer
from farm.forking.requests import ForkRequest
from tests.dashboard.conftest import House
from tests.waiting import eventually

Process = ForkedProcess | subprocess.Popen[bytes]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(house: House, log: Path, *, by_command: bool = False) -> Iterator[tuple[str, Process]]:
    """The server over the house's database: its address and its process.

    It is forked with all that it imports, or begins as `farm dashboard` `by_command`, which takes seconds.
    """
    port = _free_port()
    variables = {**os.environ, **house.connections.settings.to_variables()}
    process = (_begun if by_command else _forked)(port, variables, log)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(verify=False) as client:  # reading all authorities' certificates would take most of the time
            eventually(lambda: process.poll() is not None or _answers(client, url), timeout=240)
        assert process.poll() is None, log.read_text()
        yield url, process
    finally:
        process.kill()
        process.wait()


def _begun(port: int, variables: Mapping[str, str], log: Path) -> Process:
    command = [sys.executable, "-m", "farm", "dashboard", "--port", str(port)]
    with log.open("wb") as output:
        return subprocess.Popen(command, env=variables, stdout=output, stderr=subprocess.STDOUT)


def _forked(port: int, variables: Mapping[str, str], log: Path) -> Process:
    request = ForkRequest(["--port", str(port)], dict(variables), os.getcwd(), "farm: dashboard")
    with log.open("wb") as output:
        return _fork_server().fork(request, [output.fileno()] * 3)


@cache
def _fork_server() -> ForkServer:
    """Of this test process, with which it ends."""
    folder = Path(tempfile.mkdtemp(prefix="farm-"))  # a socket's path is short
    path = folder / "socket"
    process = subprocess.Popen([sys.executable, "-m", "tests.dashboard.fork_server", "--socket", str(path)])
    atexit.register(_end, process, folder)
    return ForkServer(path, again_seconds=240)


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/healthz").status_code == 200
    except httpx.TransportError:
        return False
