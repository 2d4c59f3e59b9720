"""Whether a dashboard says that it can do its work: with every server well, frozen, refusing and gone."""

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from dashboard.readiness import State, _Question
from farm.local.ports import Ports
from farm.local.postgres import postgres
from farm.local.processes import Processes
from farm.local.seaweed import seaweed
from farm.local.valkey import valkey
from farm.schema.upgrade import upgrade
from farm.storage import Storage
from tests.dashboard.conftest import House
from tests.dashboard.serving import served
from tests.waiting import eventually

#: A part of /readyz and the server that it speaks of.
SERVERS = {"database": "postgres", "redis": "valkey", "storage": "seaweed"}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Processes, dict[str, Any]]]:
    """Three servers of our own, to be frozen, and the settings that lead to them."""
    with tempfile.TemporaryDirectory(prefix="farm-") as name:
        folder, key = Path(name), "the-secret-of-the-tests"
        ports = Ports(folder / "ports.json")
        processes = Processes(folder, print)
        try:
            started = [
                postgres(folder / "postgres", ports, key),
                valkey(folder / "valkey", folder, key),
                seaweed(folder / "seaweed", ports, "tests", key, "latent-farm"),
            ]
            for server in started:
                processes.start(server.program)
            processes.wait_ready(list(SERVERS.values()))
            database, redis, storage = (server.url for server in started)
            upgrade(database)
            yield (
                processes,
                {
                    "redis_url": SecretStr(redis),
                    "s3_endpoint_url": storage,
                    "database_url": SecretStr(database),
                },
            )
        finally:
            processes.stop()


def states(url: str) -> dict[str, str]:
    answer = httpx.get(f"{url}/readyz", timeout=30)
    found = {name: part["state"] for name, part in answer.json()["parts"].items()}
    assert (answer.status_code == 200) == (set(found.values()) == {"ok"})
    return found


@pytest.mark.long
def test_a_server_that_hangs_is_named_while_the_process_goes_on(
    servers: tuple[Processes, dict[str, Any]], make_house: Callable[..., House], tmp_path: Path
) -> None:
    # Given a dashboard all of whose servers answer
    processes, settings = servers
    house = make_house(**{name: value for name, value in settings.items() if name != "database_url"})
    house.connections.settings = house.connections.settings.model_copy(
        update={"database_url": settings["database_url"]}
    )
    all_well = dict.fromkeys(SERVERS, "ok")
    with served(house, log := tmp_path / "log") as (url, _):
        eventually(lambda: states(url) == all_well)
        for part, server in SERVERS.items():
            # When one takes connections but answers nothing
            processes.send(server, signal.SIGSTOP)
            try:
                # Then it is the one that is named, as often as one asks
                eventually(lambda part=part: states(url) == all_well | {part: "no answer"})
                with ThreadPoolExecutor(8) as many:
                    heard = list(many.map(lambda _: states(url), range(8)))
                assert "ok" not in [found[part] for found in heard]
                assert httpx.get(f"{url}/healthz", timeout=30).status_code == 200
            finally:
                processes.send(server, signal.SIGCONT)
            # And when it goes on, so does the dashboard
            eventually(lambda: states(url) == all_well)
    said = log.read_text()
    assert "not ready" in said
    assert "ready again" in said
    assert "the-secret-of-the-tests" not in said


def test_a_server_that_hangs_is_asked_once_however_many_want_to_know() -> None:
    asked: list[int] = []
    release = threading.Event()

    def hang() -> None:
        asked.append(1)
        release.wait()

    question = _Question("server", hang)

    def look(_: int) -> State:
        question.begin()
        return question.answer(0.01).state

    with ThreadPoolExecutor(16) as many:
        assert set(many.map(look, range(64))) == {State.SILENT}
    assert len(asked) == 1
    release.set()
    eventually(lambda: question.answer(1.0).state is State.OK)
    assert look(0) is State.OK
    assert len(asked) == 1  # that answer is still good


def test_what_is_gone_or_refuses_is_told_without_its_address(
    make_house: Callable[..., House], storage: Storage
) -> None:
    house = make_house(redis_url="redis://:a-password-of-redis@127.0.0.1:9/0")
    answer = eventually(
        lambda: (found := house.client.get("/readyz")).json["parts"]["storage"]["state"] == "failed" and found
    )
    assert answer.status_code == 503
    assert answer.json["status"] == "not ready"
    assert {name: part["state"] for name, part in answer.json["parts"].items()} == {
        "database": "ok",
        "redis": "failed",
        "storage": "failed",
    }
    assert "127.0.0.1" not in answer.get_data(as_text=True)


def test_a_missing_bucket_is_not_ready(make_house: Callable[..., House], storage: Storage) -> None:
    house = make_house(s3_endpoint_url=storage._settings.s3_endpoint_url, s3_bucket="nobody-made-this")
    part = eventually(
        lambda: (
            (found := house.client.get("/readyz?parts=storage").json["parts"]["storage"])["state"] != "no answer"
            and found
        )
    )
    assert part["state"] == "failed"


def test_some_parts_can_be_asked_for_and_others_are_refused(house: House) -> None:
    eventually(lambda: house.client.get("/readyz?parts=database").status_code == 200)
    wrong = house.client.get("/readyz?parts=database,weather")
    assert wrong.status_code == 422
    assert "weather" in wrong.json["errors"][0]["detail"]


def test_a_farm_without_redis_is_ready_without_it(house: House) -> None:
    found = eventually(
        lambda: (
            (found := house.client.get("/readyz?parts=redis")).json["parts"]["redis"]["state"] != "no answer" and found
        )
    )
    assert (found.status_code, found.json["parts"]["redis"]["state"]) == (200, "not set")
