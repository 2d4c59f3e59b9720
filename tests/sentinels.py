"""A primary, a replica and three Sentinels of a test's own, all real, on ports of this machine."""

import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from farm.local.valkey import find_binary
from tests.waiting import eventually

PASSWORD, SENTINEL_PASSWORD = "the-password-of-the-servers", "the-password-of-the-sentinels"
GROUP = "farm"


class Watched:
    """Servers that Sentinels watch."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.servers = [_free_port(), _free_port()]
        self.sentinels = [_free_port() for _ in range(3)]

    def start(self) -> None:
        """Start all, and wait until each Sentinel knows the others and the replica."""
        for port in self.servers:
            follows = f"replicaof 127.0.0.1 {self.servers[0]}\n" if port != self.servers[0] else ""
            self._start(port, f"requirepass {PASSWORD}\nmasterauth {PASSWORD}\nsave ''\n{follows}")
        eventually(lambda: self._client(self.servers[1]).info("replication").get("master_link_status") == "up")
        for port in self.sentinels:
            watch = f"sentinel monitor {GROUP} 127.0.0.1 {self.servers[0]} 2\nsentinel auth-pass {GROUP} {PASSWORD}\n"
            quick = f"sentinel down-after-milliseconds {GROUP} 1000\nsentinel failover-timeout {GROUP} 5000\n"
            self._start(port, f"requirepass {SENTINEL_PASSWORD}\n{watch}{quick}", "--sentinel")
        for port in self.sentinels:  # a majority is needed, so each must have heard of the others
            eventually(lambda port=port: self._told(port)["num-other-sentinels"] == 2)
            eventually(lambda port=port: self._told(port)["num-slaves"] == 1)

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://:{PASSWORD}@{hosts}/{GROUP}/0?sentinel_password={SENTINEL_PASSWORD}"

    @property
    def primary(self) -> int:
        """The port of the primary, as the last Sentinel knows it."""
        return int(self._told(self.sentinels[-1])["port"])

    def kill(self, port: int) -> None:
        """SIGKILL to whoever has this port."""
        process = self._running.pop(port)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End all."""
        for port in list(self._running):
            self.kill(port)

    def _start(self, port: int, configuration: str, *options: str) -> None:
        folder = self._folder / str(port)
        folder.mkdir()
        file = folder / "server.conf"
        file.write_text(f"bind 127.0.0.1\nport {port}\ndir {folder}\n{configuration}")
        with (folder / "log").open("wb") as log:
            self._running[port] = subprocess.Popen([find_binary(), file, *options], stdout=log, stderr=log)

    def _told(self, port: int) -> dict[str, int]:
        with self._client(port, SENTINEL_PASSWORD) as client:
            try:
                told: dict[str, int] = client.sentinel_master(GROUP)
            except redis.RedisError:
                return {"num-other-sentinels": 0, "num-slaves": 0, "port": 0}
            return told

    def _client(self, port: int, password: str = PASSWORD) -> redis.Redis:
        return redis.Redis(port=port, password=password, decode_responses=True)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def watched_servers() -> Iterator[Watched]:
    """They are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sentinels-") as folder:
        watched = Watched(Path(folder))
        try:
            watched.start()
            yield watched
        finally:
            watched.stop()
