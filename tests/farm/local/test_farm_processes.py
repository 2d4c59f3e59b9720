"""The farm's own processes on one machine: when each of them can be used."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from farm.catalog import PoolEntry
from farm.local import farm_processes


class Always(BaseHTTPRequestHandler):
    """A dashboard that says it is ready."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def answering() -> Iterator[str]:
    """The address of a server in this process."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Always) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_dashboard_of_another_farm_at_the_same_port_is_not_taken_for_ours(answering: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ours:
        assert not farm_processes.dashboard({}, answering, lambda _: ours.pid).ready()
    assert farm_processes.dashboard({}, answering, lambda _: os.getpid()).ready()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_torch_is_imported_while_all_else_starts_also_for_a_single_worker(workers: int) -> None:
    pools = [PoolEntry(name="a", model="sana-demo", workers=workers), PoolEntry(name="b", model="wan-demo", workers=0)]
    assert farm_processes.needs_engine_fork_server(pools) == (workers > 0 and farm_processes.can_fork())
