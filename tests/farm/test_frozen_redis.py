"""A Redis that takes connections and answers nothing holds nobody up: what is told goes beside, and is merged."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import redis
from structlog.testing import capture_logs

from farm.progress import JobChanged, ProgressBoard, StepProgress
from farm.redis_connection import MOST_WAITING, Wire
from tests.farm.test_broker import broker_at
from tests.valkeys import OwnValkey, own_valkey
from tests.waiting import eventually


@pytest.fixture
def own() -> Iterator[OwnValkey]:
    with own_valkey() as server:
        yield server


class CountedWire(Wire):
    """Counts who asks Redis in his own thread: he would wait for it."""

    asked_here: int = 0

    def failed(self, error: Exception, kind: str = "question") -> None:
        if threading.current_thread() is threading.main_thread():
            self.asked_here += 1
        super().failed(error, kind)


def test_what_is_told_waits_for_no_answer(own: OwnValkey) -> None:
    board, broker = ProgressBoard(own.url), broker_at(own.url)
    own.freeze()
    told_in: set[str] = set()
    wire = CountedWire(own.url, "test")

    def message(client: redis.Redis) -> None:
        told_in.add(threading.current_thread().name)
        client.incr("x")

    for number in range(50):
        board.announce(lanes=["lane"])
        board.announce(JobChanged(job_id="job", project_id="project", version=number))
        step = StepProgress(job_id="j", project_id="p", render_id="r", phase="stepping", step=number, steps=50)
        board.report([step])
        broker.ring_soon("test", workers=3, rings=2)
        wire.send_soon("x", message)

    eventually(lambda: told_in)
    assert threading.current_thread().name not in told_in
    assert wire.asked_here == 0
    own.thaw()
    for one in (board, broker, wire):
        one.close()


def test_once_lost_nobody_waits_for_it_until_it_is_found_again(own: OwnValkey) -> None:
    wire = CountedWire(own.url, "test")
    own.freeze()
    with capture_logs() as logs:
        assert [wire.ask(lambda client: client.ping(), False) for _ in range(200)] == [False] * 200
        assert wire.asked_here == 1, "only the first has waited; the others were answered at once"
        own.thaw()
        eventually(lambda: wire.ask(lambda client: client.ping(), False))
    assert [line["event"] for line in logs] == ["redis lost", "redis is back"]
    assert logs[0]["reason"] == "no answer in time"
    wire.close()


def test_rings_of_a_pool_that_wait_are_sent_together_and_none_is_forgotten(own: OwnValkey) -> None:
    broker = broker_at(own.url)
    held, let_go = threading.Event(), threading.Event()
    broker._wire.send_soon("first", lambda _: (held.set(), let_go.wait(240)))
    held.wait(240)
    for _ in range(20):
        broker.ring_soon("few", workers=3)
        broker.ring_soon("many", workers=100)
    waiting = len(broker._wire._waiting)
    let_go.set()

    assert waiting == 2
    assert broker.waiting_rings("few") == 3
    assert broker.waiting_rings("many") == 20
    broker.close()


def test_what_waits_is_bounded(own: OwnValkey) -> None:
    wire = Wire(own.url, "test")
    held, let_go = threading.Event(), threading.Event()
    wire.send_soon("first", lambda _: (held.set(), let_go.wait(240)))
    held.wait(240)
    for number in range(MOST_WAITING + 10):
        wire.send_soon(number, lambda client, number=number: client.rpush("told", number))
    let_go.set()
    wire.flush(30)

    assert wire.ask(lambda client: client.lrange("told", 0, 0), []) == ["10"], "the oldest are forgotten"
    wire.close()


def test_a_process_that_ends_at_once_has_told_everything(own: OwnValkey) -> None:
    script = (
        "import sys; from types import SimpleNamespace; from pydantic import SecretStr; from farm.broker import Broker;"
        "b = Broker(SimpleNamespace(redis_url=SecretStr(sys.argv[1]), redis_ca_file=None));"
        "b.ring_soon('test', workers=5, rings=3); b.close()"
    )
    subprocess.run([sys.executable, "-c", script, own.url], check=True, timeout=240)

    broker = broker_at(own.url)
    assert broker.waiting_rings("test") == 3
    broker.close()


def test_a_redis_that_refuses_goes_on_being_asked_and_says_so_once(own: OwnValkey) -> None:
    board = ProgressBoard(own.url)
    own.demote()
    with capture_logs() as logs:
        for _ in range(5):
            board.announce(lanes=["lane"])
            board.flush()
        assert board.lane_counter("lane") == 0, "a replica still answers questions"
        own.promote()
        board.announce(lanes=["lane"])
        board.flush()

    assert board.lane_counter("lane") not in (None, 0)
    assert [line["event"] for line in logs] == ["redis refuses", "redis takes all commands again"]
    assert logs[0]["reason"].startswith("READONLY: ")
    board.close()
