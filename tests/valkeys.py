"""A Valkey of a test's own: to be stopped, frozen, demoted, filled and locked."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from farm.local.processes import Processes
from farm.local.valkey import valkey
from farm.redis_connection import connect

PASSWORD = "the-password-of-the-tests"


@dataclass(frozen=True)
class OwnValkey:
    """A running Valkey: its address, and what may happen to one in real life."""

    url: str
    socket: Path
    _processes: Processes

    @property
    def password(self) -> str:
        return PASSWORD

    def execute(self, *command: str | int) -> Any:
        """What the server answers to a command; an error is raised."""
        return self.execute_as(PASSWORD, *command)

    def execute_as(self, password: str, *command: str | int) -> Any:
        """The same with another password."""
        client: redis.Redis = connect(self.url.replace(PASSWORD, password))
        try:
            return client.execute_command(*command)  # type: ignore[no-untyped-call]
        finally:
            client.close()

    def demote(self) -> None:
        """It becomes the replica of a primary that is not there, as the old primary does in a failover."""
        self.execute("REPLICAOF", "127.0.0.1", 1)

    def promote(self) -> None:
        """It becomes a primary."""
        self.execute("REPLICAOF", "NO", "ONE")

    def unblock_all(self) -> int:
        """End every blocking command with the error UNBLOCKED; how many there were."""
        clients = str(self.execute("CLIENT", "LIST"))
        ids = [line.partition("id=")[2].partition(" ")[0] for line in clients.splitlines() if " cmd=brpop " in line]
        return sum(int(self.execute("CLIENT", "UNBLOCK", one, "ERROR")) for one in ids)

    def freeze(self) -> None:
        """It takes connections, by the kernel, and answers none."""
        self._processes.send("valkey", signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        self._processes.send("valkey", signal.SIGCONT)


@contextmanager
def own_valkey() -> Iterator[OwnValkey]:
    """A Valkey on a Unix socket in a new folder with a short path; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="valkey-") as name:
        folder = Path(name)
        processes = Processes(folder, print)
        server = valkey(folder / "data", folder, password=PASSWORD)
        processes.start(replace(server.program, stop_seconds=5.0))
        try:
            processes.wait_ready(["valkey"])
            own = OwnValkey(server.url, folder / "valkey.sock", processes)
            yield own
            own.thaw()
        finally:
            processes.stop()
