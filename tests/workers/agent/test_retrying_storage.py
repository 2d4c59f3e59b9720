"""A worker knows since when it can store nothing, and why, in the storage's own words."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import stamina
from pydantic import SecretStr

from farm.connections import Connections
from farm.errors import StorageDown
from farm.settings import Settings
from farm.storage import Storage
from tests.scheduler.conftest import START, TestClock, catalog, clock, connect
from tests.servers import S3
from tests.workers.agent.test_engine_feeder import connections
from workers.agent.retrying_storage import PROBE, RetryingStorage, Trouble

__all__ = ["catalog", "clock", "connect", "connections"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url)


@pytest.fixture(autouse=True)
def one_try() -> Iterator[None]:
    """Nobody waits for five minutes."""
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def away(s3: S3) -> Iterator[S3]:
    """A server that refuses connections: nobody listens where it should be."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield replace(s3, s3_endpoint_url=f"http://127.0.0.1:{taken.getsockname()[1]}")


def storing_at(connections: Connections, s3: S3) -> RetryingStorage:
    return RetryingStorage(replace(connections, storage=Storage(s3)))


def test_while_all_is_well_there_is_no_trouble(connections: Connections, s3: S3) -> None:
    storing = storing_at(connections, s3)

    stored = storing.put("projects/a.txt", b"hello", "text/plain")

    assert (stored.size, storing.trouble) == (5, None)


def test_a_refusal_is_told_by_the_servers_own_code(connections: Connections, s3: S3) -> None:
    storing = storing_at(connections, replace(s3, s3_secret_access_key=SecretStr("another-secret")))

    with pytest.raises(StorageDown):
        storing.put("projects/secret-name.txt", b"hello", "text/plain")

    assert storing.trouble is not None
    assert storing.trouble.since == START
    assert storing.trouble.reason == "refuses to store files: SignatureDoesNotMatch"


def test_a_storage_that_is_away_is_told_since_when_it_is_not_since_the_last_try(
    connections: Connections, away: S3, clock: TestClock
) -> None:
    storing = storing_at(connections, away)
    for _ in range(2):
        with pytest.raises(StorageDown):
            storing.put("projects/secret-name.txt", b"hello", "text/plain")
        clock.forward(10)

    assert storing.trouble is not None
    assert storing.trouble.since == START
    assert storing.trouble.reason == "cannot be reached: EndpointConnectionError"


def test_a_storage_that_hangs_is_told_before_anybody_has_given_up(
    connections: Connections, s3: S3, clock: TestClock
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        hung = replace(s3, s3_endpoint_url=f"http://127.0.0.1:{mute.getsockname()[1]}")
        storing = storing_at(connections, hung)
        asking = threading.Thread(target=lambda: suppressed(storing))
        asking.start()
        line, _ = mute.accept()  # it has been asked, and says nothing
        assert storing.trouble is None

        clock.forward(31)

        assert storing.trouble == Trouble(START, "does not answer")
    line.close()
    asking.join()
    assert storing.trouble is not None


def suppressed(storing: RetryingStorage) -> None:
    with suppress(StorageDown):
        storing.put("projects/a.txt", b"hello", "text/plain")


def test_that_it_is_back_is_seen_with_nothing_to_store(connections: Connections, s3: S3, away: S3) -> None:
    farm = replace(connections, storage=Storage(away))
    storing = RetryingStorage(farm)
    with pytest.raises(StorageDown):
        storing.put("projects/a.txt", b"hello", "text/plain")
    storing.look()
    assert storing.trouble is not None

    farm.storage = Storage(s3)
    storing.look()

    assert storing.trouble is None
    assert farm.storage.get(PROBE) == b""
