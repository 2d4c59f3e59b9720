"""A Redis that answers with an error, as in a failover, ends no worker: it says so and hears rings again after it."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from farm.broker import Broker
from tests.farm.test_broker import broker_at, hear, let_it_go_on
from tests.valkeys import OwnValkey, own_valkey
from tests.waiting import eventually

SCRIPT = Path(__file__).with_name("ring_worker.py")


@pytest.fixture
def own() -> Iterator[OwnValkey]:
    with own_valkey() as server:
        yield server


@pytest.fixture
def broker(own: OwnValkey) -> Iterator[Broker]:
    broker = broker_at(own.url)
    yield broker
    broker.close()


class Worker:
    """A Celery worker in a process of its own, and what it wrote."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process, self._log = process, log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def says(self, *words: str, again: Callable[[], object] = lambda: None) -> None:
        """Wait until it has said the words; `again` every few seconds, if it was not looking at the first time."""

        def said() -> bool:
            return self.process.poll() is not None or all(word in self.log for word in words)

        for _ in range(20):
            with suppress(AssertionError):
                eventually(said, timeout=6)
                break
            again()
        else:
            eventually(said, timeout=0)
        assert self.process.poll() is None, f"it ended:\n{self.log[-3000:]}"

    def hears_a_ring(self, broker: Broker) -> None:
        """It takes a ring that is rung now, as often as needed: some may be lost while it connects."""
        eventually(lambda: broker.ring("test", workers=1))
        hear(self.process, "ring")
        let_it_go_on(self.process)
        hear(self.process, "done")


@pytest.fixture
def worker(own: OwnValkey, broker: Broker, tmp_path: Path) -> Iterator[Worker]:
    log = tmp_path / "worker.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, SCRIPT, own.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True
        ) as process,
    ):
        worker = Worker(process, log)
        worker.hears_a_ring(broker)
        yield worker
        own.thaw()
        process.terminate()
        if process.stdin:
            process.stdin.close()
        ended = process.wait(240)
    assert ended == 0, f"it drains and ends well:\n{worker.log[-3000:]}"


#: Makes a Redis refuse; what makes workers ask it again, and what ends the trouble.
Trouble = Callable[[OwnValkey], tuple[Callable[[], object], Callable[[], object]]]


def demoted(own: OwnValkey) -> tuple[Callable[[], object], Callable[[], object]]:
    own.demote()
    return own.demote, own.promote


def full(own: OwnValkey) -> tuple[Callable[[], object], Callable[[], object]]:
    own.execute("CONFIG", "SET", "maxmemory-policy", "noeviction")
    own.execute("CONFIG", "SET", "maxmemory", 1)

    def end_connections() -> None:
        own.execute("CLIENT", "KILL", "TYPE", "normal")  # whoever connects again writes what it needs, and may not

    end_connections()
    return end_connections, lambda: own.execute("CONFIG", "SET", "maxmemory", 0)


def unwritable(own: OwnValkey) -> tuple[Callable[[], object], Callable[[], object]]:
    """One that shall write down what it has, and cannot: its folder is gone, which is as good as a full disk."""
    shutil.rmtree(own.socket.parent / "data")
    own.execute("CONFIG", "SET", "save", "1 1")
    own.execute("BGSAVE")
    eventually(lambda: own.execute("INFO", "persistence")["rdb_last_bgsave_status"] == "err")

    def end_connections() -> None:
        own.execute("CLIENT", "KILL", "TYPE", "normal")

    end_connections()
    return end_connections, lambda: own.execute("CONFIG", "SET", "save", "")


def locked(own: OwnValkey) -> tuple[Callable[[], object], Callable[[], object]]:
    def end_connections() -> None:
        own.execute_as("another-password", "CLIENT", "KILL", "TYPE", "normal")

    own.execute("ACL", "SETUSER", "default", "resetpass", ">another-password")
    end_connections()
    restore = lambda: own.execute_as("another-password", "ACL", "SETUSER", "default", "resetpass", f">{own.password}")  # noqa: E731
    return end_connections, restore


@pytest.mark.parametrize(
    ("trouble", "words"),
    [(demoted, "READONLY: "), (full, "OOM: "), (unwritable, "MISCONF: "), (locked, "WRONGPASS: ")],
)
def test_a_worker_outlives_a_redis_that_refuses_and_hears_rings_when_it_does_not_any_more(
    own: OwnValkey, broker: Broker, worker: Worker, trouble: Trouble, words: str
) -> None:
    again, mend = trouble(own)
    worker.says(words, again=again)
    mend()

    worker.hears_a_ring(broker)


def test_a_worker_outlives_commands_that_are_ended_with_an_error(
    own: OwnValkey, broker: Broker, worker: Worker
) -> None:
    eventually(own.unblock_all)
    worker.says("UNBLOCKED: ")

    worker.hears_a_ring(broker)


@pytest.mark.parametrize("for_long", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_worker_drains_while_redis_is_frozen(own: OwnValkey, worker: Worker, for_long: bool) -> None:
    own.freeze()
    if for_long:
        # Whatever it sends by itself from time to time, it has tried by then.
        worker.says("rings cannot be heard")
    worker.process.terminate()
    hear(worker.process, "drain")

    assert worker.process.wait(240) == 0


def asked_and_frozen(own: OwnValkey, broker: Broker, worker: Worker) -> None:
    """The worker is about to answer remote control, over a connection over which it has answered before."""
    eventually(lambda: broker.app.control.ping(timeout=1.0))
    broker.app.control.broadcast("hold", reply=True, timeout=0.1)
    hear(worker.process, "held")
    own.freeze()
    let_it_go_on(worker.process)


@pytest.mark.long
def test_a_worker_drains_though_redis_froze_before_it_had_answered_remote_control(
    own: OwnValkey, broker: Broker, worker: Worker
) -> None:
    asked_and_frozen(own, broker, worker)
    worker.process.terminate()
    hear(worker.process, "drain")

    assert worker.process.wait(120) == 0


def test_an_answer_to_remote_control_that_cannot_be_sent_is_given_up_and_the_next_is_sent(
    own: OwnValkey, broker: Broker, worker: Worker
) -> None:
    asked_and_frozen(own, broker, worker)
    worker.says("an answer to remote control was not sent", "no answer in time")
    own.thaw()

    worker.hears_a_ring(broker)
    assert eventually(lambda: broker.app.control.ping(timeout=1.0))
