"""`farm dashboard` of a benchmark's own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from farm.local.ports import Ports
from farm.settings import Settings
from tests.waiting import eventually


@contextmanager
def own_dashboard(settings: Settings, key: str) -> Iterator[httpx.Client]:
    """A client of `farm dashboard`, which runs meanwhile."""
    port = Ports(settings.data_dir / "ports.json").take("dashboard")
    command = [sys.executable, "-m", "farm", "dashboard", "--port", str(port)]
    with (settings.data_dir / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **settings.to_variables()}, stdout=log, stderr=subprocess.STDOUT
        )
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60, verify=False) as client:
            eventually(lambda: process.poll() is not None or _answers(client), timeout=240)
            yield client
    finally:
        process.kill()
        process.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
