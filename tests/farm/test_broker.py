"""Rings: few, harmless, and never in the way."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from farm.broker import Broker, broker_url, make_app
from farm.local.processes import Processes
from farm.local.valkey import valkey
from farm.redis_connection import REST_SECONDS, connect
from tests.valkeys import own_valkey
from tests.waiting import eventually


@dataclass(frozen=True)
class OfBroker:
    """The settings that a broker needs."""

    redis_url: SecretStr | None
    redis_ca_file: Path | None = None


def broker_at(url: str | None) -> Broker:
    return Broker(OfBroker(SecretStr(url) if url else None))


@pytest.fixture
def broker(valkey_url: str) -> Iterator[Broker]:
    broker = broker_at(valkey_url)
    yield broker
    broker.close()


@pytest.mark.parametrize(
    ("ours", "celerys"),
    [
        ("redis://:secret@redis.example:6379/2", "redis://:secret@redis.example:6379/2"),
        ("rediss://redis.example/0", "rediss://redis.example/0"),
        ("unix://:secret@/run/a%20b/valkey.sock?db=3", "redis+socket://:secret@/run/a%20b/valkey.sock?virtual_host=3"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
        ("redis+socket:///run/valkey.sock?virtual_host=1", "redis+socket:///run/valkey.sock?virtual_host=1"),
        (None, "memory://"),
    ],
)
def test_celery_is_told_the_same_address_in_its_own_words(ours: str | None, celerys: str) -> None:
    assert broker_url(ours) == celerys


def test_a_burst_of_rings_collapses_to_one_for_each_worker(broker: Broker) -> None:
    rung = [broker.ring("test", workers=3) for _ in range(50)]

    assert rung == [True] * 3 + [False] * 47
    assert broker.waiting_rings("test") == 3
    assert broker.waiting_rings("another") == 0


def test_a_pool_without_workers_keeps_one_ring_for_the_first_that_comes(broker: Broker) -> None:
    broker.ring("test", workers=0)
    broker.ring("test", workers=0)

    assert broker.waiting_rings("test") == 1


def test_many_who_ring_at_once_leave_no_more_rings_than_workers(broker: Broker) -> None:
    with ThreadPoolExecutor(16) as threads:
        rung = list(threads.map(lambda _: broker.ring("test", workers=2), range(64)))

    assert any(rung)
    assert broker.waiting_rings("test") == 2


@pytest.mark.parametrize("url", ["unix:///nobody/here.sock", "redis://:secret@127.0.0.1:1/0", None])
def test_without_a_broker_nothing_is_rung_and_nothing_is_raised(url: str | None) -> None:
    broker = broker_at(url)

    with capture_logs() as logs:
        assert broker.ring("test", workers=1) is False
        assert broker.waiting_rings("test") == 0

    assert len(logs) == (1 if url else 0), "its loss is said once"
    assert "secret" not in str(logs)


def test_a_wrong_password_is_like_no_broker(valkey_url: str) -> None:
    assert broker_at(valkey_url.replace("the-password-of-the-tests", "guess")).ring("test", workers=1) is False


def test_a_broker_that_falls_between_the_look_and_the_ring_is_lost_and_then_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a broker that answers how many rings wait, and is gone when Celery sends one more,
    with own_valkey() as own, capture_logs() as lines:
        broker = broker_at(own.url)
        away = own.socket.with_suffix(".away")
        publish = broker._publish

        def gone(pool: str, queue: str) -> None:
            own.socket.rename(away)
            publish(pool, queue)

        monkeypatch.setattr(broker, "_publish", gone)
        # when a pool is rung beside,
        broker.ring_soon("test", workers=3)
        # then the loss is told with its reason, whatever Celery wraps around it,
        assert broker.flush()
        eventually(lambda: lines)
        assert [(line["event"], line["reason"]) for line in lines] == [
            ("redis lost", "cannot be reached: No such file or directory")
        ]
        # and the next ring is heard, once it is there again.
        monkeypatch.undo()
        away.rename(own.socket)
        eventually(lambda: broker.ring("test", workers=3))
        assert broker.waiting_rings("test") == 1
        broker.close()


def test_a_broker_that_was_away_is_rung_again_and_both_are_said_once(server_folder: Path) -> None:
    processes = Processes(server_folder / "logs", print)
    runtime = server_folder / "away"
    runtime.mkdir(mode=0o700)
    server = valkey(runtime, runtime, password="x")
    broker = broker_at(server.url)
    try:
        with capture_logs() as logs:
            assert not broker.ring("test", workers=1)
            assert not broker.ring("test", workers=1)
            processes.start(server.program)
            processes.wait_ready(["valkey"])
            eventually(lambda: broker.ring("test", workers=1), timeout=REST_SECONDS + 30)
            broker.waiting_rings("test")
        assert [line["event"] for line in logs] == ["redis lost", "redis is back"]
    finally:
        broker.close()
        processes.stop()


@pytest.fixture
def ring_worker(valkey_url: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that serves the rings of the pool 'test' with Celery."""
    script = Path(__file__).with_name("ring_worker.py")
    with subprocess.Popen(
        [sys.executable, script, valkey_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def hear(process: "subprocess.Popen[str]", word: str) -> None:
    """Read on until the process says this word."""
    assert process.stdout
    for line in process.stdout:
        if line.strip() == word:
            return
    raise AssertionError(f"it ended without saying {word!r}")


def let_it_go_on(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_celery_worker_hears_rings_one_at_a_time_answers_ping_meanwhile_and_drains(
    valkey_url: str, broker: Broker, ring_worker: "subprocess.Popen[str]"
) -> None:
    # Given a worker in the middle of a ring
    broker.ring("test", workers=1)
    hear(ring_worker, "ring")

    # Then it answers remote control, and the next ring waits in the queue
    app = make_app(OfBroker(SecretStr(valkey_url)))
    replies = eventually(lambda: app.control.ping(timeout=1.0))
    assert [answer for reply in replies for answer in reply.values()] == [{"ok": "pong"}]
    app.close()
    broker.ring("test", workers=1)
    assert broker.waiting_rings("test") == 1

    # When it has come and looked, it takes the next
    let_it_go_on(ring_worker)
    hear(ring_worker, "done")
    hear(ring_worker, "ring")
    assert broker.waiting_rings("test") == 0

    # When it is told to stop, it hears so at once, and ends after the ring
    ring_worker.send_signal(signal.SIGTERM)
    hear(ring_worker, "drain")
    let_it_go_on(ring_worker)
    hear(ring_worker, "done")
    hear(ring_worker, "ended")
    assert ring_worker.wait(240) == 0


def test_a_worker_hears_rings_again_after_its_broker_was_emptied(
    valkey_url: str, broker: Broker, ring_worker: "subprocess.Popen[str]"
) -> None:
    broker.ring("test", workers=1)
    hear(ring_worker, "ring")
    let_it_go_on(ring_worker)
    hear(ring_worker, "done")

    client = connect(valkey_url)
    client.flushall()
    client.close()
    broker.ring("test", workers=1)

    hear(ring_worker, "ring")


def test_monitors_of_celery_see_the_workers_heartbeats(
    valkey_url: str, ring_worker: "subprocess.Popen[str]", broker: Broker
) -> None:
    heard: list[str] = []

    def hear_one(event: dict[str, Any]) -> None:
        heard.append(event["type"])
        receiver.should_stop = True

    with broker.app.connection_for_read() as connection:
        receiver = broker.app.events.Receiver(connection, handlers={"*": hear_one})
        receiver.capture(limit=None, timeout=60, wakeup=False)

    assert heard in (["worker-online"], ["worker-heartbeat"])
