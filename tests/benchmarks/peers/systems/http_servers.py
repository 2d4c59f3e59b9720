"""The model servers: a request over HTTP stays open until its picture is stored; nothing is kept of it on disk."""

import asyncio
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from tests.benchmarks.peers.environments import python_of
from tests.benchmarks.peers.pictures import Picture
from tests.benchmarks.peers.servers import Servers
from tests.benchmarks.peers.systems.latent_farm import free_port
from tests.benchmarks.peers.systems.peer import Peer


class HttpServer(Peer):
    """They know no urgent requests and no users: all wait in the order in which they came."""

    environment: str
    path = "/"
    options: tuple[str, ...] = ()

    def __init__(self, servers: Servers, folder: Path) -> None:
        super().__init__(servers, folder)
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        limits = httpx.Limits(max_connections=None)
        self._client = httpx.AsyncClient(timeout=None, limits=limits, trust_env=False)

    def start(self) -> None:
        module = f"tests.benchmarks.peers.apps.{self.environment}_app"
        self.run([python_of(self.environment), "-m", module, *self.arguments()], self.variables)

    def arguments(self) -> Sequence[str]:
        """Where it listens."""
        return [str(self.port)]

    def ready(self) -> bool:
        if not self.ready_file.exists():
            return False
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def submit(
        self, pictures: Sequence[Picture], *, user: str = "one", urgent: bool = False, at_once: int = 0
    ) -> float:
        began = time.time()
        self.books.asked(pictures, user)
        asyncio.run_coroutine_threadsafe(self._ask(pictures, at_once or len(pictures)), self._loop)
        return began

    async def _ask(self, pictures: Sequence[Picture], at_once: int) -> None:
        gate = asyncio.Semaphore(at_once)

        async def ask(picture: Picture) -> None:
            async with gate:
                try:
                    answer = await self._client.post(f"http://127.0.0.1:{self.port}{self.path}", json=picture)
                    answer.raise_for_status()
                except httpx.HTTPError as error:
                    self.failed[picture["id"]] = repr(error)

        await asyncio.gather(*map(ask, pictures))

    def stop(self) -> None:
        super().stop()
        self._loop.call_soon_threadsafe(self._loop.stop)


class LitServe(HttpServer):
    """See `apps.litserve_app`."""

    name = "LitServe"
    environment = "litserve"
    path = "/predict"


class Mosec(HttpServer):
    """See `apps.mosec_app`."""

    name = "mosec"
    environment = "mosec"
    path = "/inference"

    def arguments(self) -> Sequence[str]:
        address = ("--address", "127.0.0.1", "--port", str(self.port))
        return [*address, "--timeout", "3600000", "--capacity", "4096", "--log-level", "warning"]


class RayServe(HttpServer):
    """See `apps.ray_app`. Its helpers leave our tree of processes: the folder in their environment tells them."""

    name = "Ray Serve"
    environment = "ray"

    def __init__(self, servers: Servers, folder: Path) -> None:
        super().__init__(servers, folder)
        self._ray = tempfile.mkdtemp(prefix="ray-")  # short: it holds sockets
        self.variables |= {"PEER_RAY_FOLDER": self._ray, "RAY_USAGE_STATS_ENABLED": "0"}

    def processes(self) -> list[psutil.Process]:
        found = {process.pid: process for process in super().processes()}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if self._ray in " ".join(process.cmdline()) or process.environ().get("PEER_RAY_FOLDER") == self._ray:
                    found[process.pid] = process
        return list(found.values())

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._ray, ignore_errors=True)
