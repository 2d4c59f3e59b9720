"""A running `farm demo-ui` for the tests of this folder."""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gradio_client import Client

from tests.farm.dashboards import DashboardFarm

#: Of deploy/setup-gradio: an environment of its own, since Gradio needs an older Pillow than the farm is tested with.
READY = Path(__file__).parents[3] / "build" / "gradio" / ".ready"


@dataclass
class Outside:
    """A proxy that passes nothing on: what the page would have asked other machines."""

    url: str
    asked: list[bytes] = field(default_factory=list)


@dataclass
class Page:
    """A running page, and the farm that it is for."""

    url: str
    farm: DashboardFarm
    outside: Outside
    downloads: Path

    def visitor(self) -> Client:
        # Gradio's client stores in /tmp/gradio, which may be another user's.
        return Client(self.url, verbose=False, analytics_enabled=False, download_files=self.downloads)


@contextmanager
def trap() -> Iterator[Outside]:
    """Runs until the tests are over."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        outside = Outside(f"http://127.0.0.1:{server.getsockname()[1]}")

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    outside.asked.append(connection.recv(1000))

        threading.Thread(target=listen, daemon=True).start()
        yield outside
        server.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running_page(dashboard: DashboardFarm, downloads: Path) -> Iterator[Page]:
    """`farm demo-ui` as people start it, until the tests are over."""
    with trap() as outside, dashboard.new_project() as farm:
        variables = {**os.environ, "FARM_URL": farm.url, "FARM_KEY": farm.key, "HTTPS_PROXY": outside.url}
        command = [str(READY.parent / "bin" / "python"), "-m", "farm", "demo-ui", "--json", "--port", str(free_port())]
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield Page(json.loads(process.stdout.readline())["url"], farm, outside, downloads)
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0
