"""A failover of Redis under a whole farm: nobody ends, nothing is lost or doubled, rings and steps are heard again."""

import json
import re
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pydantic import SecretStr

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.valkeys import PASSWORD, OwnValkey, own_valkey
from tests.waiting import eventually

pytestmark = pytest.mark.long
POOLS = ("sana-demo-local", "sprint-demo-local", "wan-demo-local")


class Pair:
    """Two Valkeys, one the replica of the other, and the address that leads to the primary, as a service name does."""

    def __init__(self, folder: Path, primary: OwnValkey, replica: OwnValkey) -> None:
        self.primary, self.replica = primary, replica
        self._ports = {server.socket: _free_port() for server in (primary, replica)}
        for server in (primary, replica):
            server.execute("CONFIG", "SET", "masterauth", PASSWORD)
            server.execute("CONFIG", "SET", "port", self._ports[server.socket])
        self._address = folder / "redis.sock"
        self._follow(replica, primary)
        self._lead_to(primary)

    @property
    def url(self) -> str:
        return f"unix://:{PASSWORD}@{self._address}?db=0"

    def fail_over(self, refused: Callable[[], object]) -> None:
        """The replica becomes the primary, and the old primary its replica, which answers READONLY.

        Only when somebody was `refused` does the address lead to the new one and is everybody thrown out of the old.
        """
        old, new = self.primary, self.replica
        new.promote()
        self._follow(old, new)
        eventually(refused)
        self._lead_to(new)
        old.execute("CLIENT", "KILL", "TYPE", "normal")
        self.primary, self.replica = new, old

    def _follow(self, server: OwnValkey, primary: OwnValkey) -> None:
        server.execute("REPLICAOF", "127.0.0.1", self._ports[primary.socket])
        eventually(lambda: "master_link_status:up" in _replication(server))

    def _lead_to(self, server: OwnValkey) -> None:
        beside = self._address.with_suffix(".new")
        beside.symlink_to(server.socket)
        beside.replace(self._address)


def _replication(server: OwnValkey) -> str:
    told = server.execute("INFO", "replication")
    return "".join(f"{name}:{value}\n" for name, value in told.items()) if isinstance(told, dict) else str(told)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="pair-") as folder, own_valkey() as first, own_valkey() as second:
        yield Pair(Path(folder), first, second)


@pytest.fixture
def farm(tmp_path: Path, pair: Pair) -> Iterator[RunningFarm]:
    def settings(folder: Path) -> Settings:
        return quick_settings(folder).model_copy(update={"redis_url": SecretStr(pair.url)})

    yield from running_farm(tmp_path / "farm", settings)


@contextmanager
def open_stream(farm: RunningFarm) -> Iterator[list[tuple[str, Any]]]:
    """What one connection to the live stream hears, as it comes; it must still be open at the end."""
    heard: list[tuple[str, Any]] = []
    headers = {"Authorization": f"Bearer {farm.stack.key}"}
    with httpx.stream("GET", f"{farm.stack.url}/api/v1/live", headers=headers, timeout=60) as response:

        def listen() -> None:
            kind = ""
            with suppress(httpx.StreamClosed, httpx.ReadError):
                for line in response.iter_lines():
                    name, _, value = line.partition(": ")
                    if name == "event":
                        kind = value
                    elif name == "data":
                        heard.append((kind, json.loads(value)))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        yield heard
        assert listener.is_alive(), "the stream ended"


def processes(farm: RunningFarm) -> dict[int, float]:
    """The processes of the farm's workers, each with the time of its start."""
    rows = [row for pool in POOLS for row in farm.alive_workers(pool)]
    return {row.pid: psutil.Process(row.pid).create_time() for row in rows}


def test_a_failover_of_redis_ends_nobody_loses_nothing_and_rings_and_steps_are_heard_again(
    farm: RunningFarm, pair: Pair
) -> None:
    def log(pool: str) -> str:
        return (farm.stack.settings.data_dir / "logs" / f"worker-{pool}.log").read_text()

    def rings() -> list[int]:
        return [len(re.findall(r"Task farm\.ring\S* received", log(pool))) for pool in POOLS]

    eventually(lambda: len(processes(farm)) == len(POOLS))
    before = processes(farm)
    with open_stream(farm) as heard:
        # Given pictures and clips on their way
        pictures = farm.client.submit("sana-demo", "a red circle", seed_count=12, num_inference_steps=50)
        clips = farm.client.submit("wan-demo", "a green star moves left on a white background", seed_count=2)
        farm.when_stepping(pictures.id)

        # when Redis fails over,
        pair.fail_over(refused=lambda: any("READONLY" in log(pool) for pool in POOLS))

        # then all come out once, by the same processes,
        for job, renders in ((pictures, 12), (clips, 2)):
            farm.client.wait(job.id, timeout=600)
            farm.assert_nothing_lost_or_doubled(job.id, renders)
        assert processes(farm) == before
        # each of which hears the rings of the new primary,
        heard_before = rings()
        after = [farm.client.submit(pool.removesuffix("-local"), "a blue square") for pool in POOLS]
        eventually(lambda: all(now > then for now, then in zip(rings(), heard_before, strict=True)))
        # and the page that was open all the time sees the steps of what comes now.
        for job in after:
            farm.client.wait(job.id, timeout=600)
            farm.assert_nothing_lost_or_doubled(job.id, renders=1)
        ids = {job.id for job in after}
        eventually(lambda: {told["id"] for kind, told in heard if kind == "job" and told["status"] == "done"} >= ids)
        eventually(lambda: any(kind == "step" and told["job_id"] in ids for kind, told in heard))
