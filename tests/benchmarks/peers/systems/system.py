"""What every system can: be started, asked for pictures, watched, killed, stopped."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.benchmarks.peers.pictures import Picture
from tests.benchmarks.peers.servers import Servers

_STOP_SECONDS = 20


class System(ABC):
    """One system in a folder of its own. `failed`: pictures that it has said it will not make, and why."""

    name: str

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers, self.folder = servers, folder
        folder.mkdir(parents=True)
        self.failed: dict[str, str] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "log").open("ab")

    @abstractmethod
    def start(self) -> None:
        """Begin to start; it is `ready` later."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it accepts pictures; they may have to wait."""

    @abstractmethod
    def submit(
        self, pictures: Sequence[Picture], *, user: str = "one", urgent: bool = False, at_once: int = 0
    ) -> float:
        """Ask for them; the moment before, seconds since 1970. `at_once`: requests that a patient client keeps open."""

    @abstractmethod
    def finished(self, ids: Iterable[str]) -> dict[str, float]:
        """When each of these that is stored was so, by the system's own books."""

    @abstractmethod
    def doubled(self, ids: Iterable[str]) -> int:
        """How many of these were stored twice."""

    @abstractmethod
    def stored(self, name: str) -> bytes:
        """The PNG of a picture."""

    @abstractmethod
    def kill_renderer(self) -> None:
        """kill -9 of the process that renders. Who does not heal by itself is started again."""

    def run(self, command: Sequence[str], variables: dict[str, str]) -> None:
        """Start a process of the system."""
        self._processes.append(
            subprocess.Popen(
                command,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        )

    def processes(self) -> list[psutil.Process]:
        """All of it, children included."""
        found: dict[int, psutil.Process] = {}
        for process in self._processes:
            with suppress(psutil.Error):
                parent = psutil.Process(process.pid)
                found |= {one.pid: one for one in (parent, *parent.children(recursive=True))}
        return list(found.values())

    def stop(self) -> None:
        """Ask it to end, then kill what is left."""
        everyone = self.processes()
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for one in everyone:
            with suppress(psutil.Error):
                one.kill()
        for process in self._processes:
            process.wait()
        self._log.close()
