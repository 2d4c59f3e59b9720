"""The real server process, as `farm dashboard` starts it."""

import signal
import socket
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from farm.database import write
from tests.dashboard.conftest import House
from tests.dashboard.serving import served
from tests.waiting import eventually


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "dashboard.log"


def test_the_server_submits_streams_and_stops_with_open_streams(house: House, log: Path) -> None:
    with (
        served(house, log, by_command=True) as (url, process),
        httpx.Client(base_url=url, headers=house.ours.headers, timeout=60) as client,
        client.stream("GET", "/api/v1/live") as heard,
    ):
        lines = heard.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: snapshot"
        answer = client.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": "a red circle"})
        assert answer.status_code == 201
        assert next(line for line in lines if line.startswith("event:")) == "event: job"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=240) == 0
    assert "Traceback" not in log.read_text()


def test_a_writer_that_holds_the_database_does_not_hold_the_server(house: House, log: Path) -> None:
    with served(house, log) as (url, _), httpx.Client(base_url=url, headers=house.ours.headers) as client:
        job = client.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": "a red circle"}, timeout=30).json()
        # When somebody holds SQLite's only write lock …
        with write(house.connections.engine):
            with pytest.raises(httpx.ReadTimeout):
                client.post(f"/api/v1/jobs/{job['job']['id']}/cancel", timeout=1)
            # Then reading, and all that needs no database, goes on while the cancel waits.
            assert client.get("/healthz", timeout=20).status_code == 200
            assert client.get("/api/v1/jobs", timeout=20).status_code == 200
        # And the cancel is done once the lock is free, though its client has gone.
        eventually(lambda: client.get(job["job"]["links"]["self"]).json()["status"] == "cancelled")


def test_what_the_server_cannot_read_is_refused_as_all_else_is(house: House, log: Path) -> None:
    with served(house, log) as (url, _), httpx.Client(base_url=url, headers=house.ours.headers) as client:
        long = client.get("/api/v1/jobs", params={"text": "x" * 9000})
        large = client.get("/api/v1/jobs", headers={"X-Large": "x" * 9000})
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as line:
            line.sendall(b"GET nonsense\r\n\r\n")
            unread = b"".join(iter(lambda: line.recv(65_536), b""))
        assert client.get("/api/v1/whoami").status_code == 200
    assert [(said.status_code, said.json()["type"]) for said in (long, large)] == [
        (414, "/problems/address-too-long"),
        (431, "/problems/headers-too-large"),
    ]
    assert {said.headers["Content-Type"] for said in (long, large)} == {"application/problem+json"}
    assert unread.startswith(b"HTTP/1.1 400 Bad request\r\n")
    assert b'"/problems/bad-request"' in unread


def test_whoever_asks_every_few_seconds_finds_the_connection_open(house: House, log: Path) -> None:
    with served(house, log) as (url, _), closing(HTTPConnection(httpx.URL(url).netloc.decode())) as client:
        for pause in (0.0, 3.0):
            time.sleep(pause)
            client.request("GET", "/healthz")
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200
            assert not answer.will_close
