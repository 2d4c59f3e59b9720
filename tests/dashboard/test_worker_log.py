"""The newest lines of a worker's log, for operators: bounded, without secrets, and nobody waits for Redis."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from farm.ids import new_id
from farm.logs import also_tell, configure_logging
from farm.progress import LOG_LINES
from scheduler.fleet.worker_registry import sign_on
from tests.dashboard.conftest import House
from tests.dashboard.visiting import sign_in
from workers.agent.telemetry.recent_log import RecentLog


@pytest.fixture
def worker(live_house: House) -> str:
    worker_id = new_id()
    now = live_house.connections.clock()
    sign_on(
        live_house.connections.engine, worker_id=worker_id, pool="sana-demo-local", model="sana-demo", host="h", pid=1,
        now=now,
    )  # fmt: skip
    return worker_id


@pytest.fixture
def own_logging(live_house: House) -> Iterator[None]:
    """Logging as a worker sets it up, taken back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging(live_house.connections.settings)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _told(house: House, worker: str, after: int = 0) -> list[tuple[int, str]]:
    house.connections.progress.flush()
    answer = house.get(f"/api/v1/workers/{worker}/log?after={after}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return [(item["number"], item["text"]) for item in answer.json["items"]]


def test_an_operator_reads_the_newest_lines_without_secrets(live_house: House, worker: str, own_logging: None) -> None:
    settings = live_house.connections.settings
    assert isinstance(settings.s3_secret_access_key, SecretStr)
    log = RecentLog(live_house.connections.progress, worker)
    also_tell(settings, log.tell)
    said = f"lf_abcdefghijklmnop and {settings.s3_secret_access_key.get_secret_value()}"
    structlog.get_logger("farm.test").warning("a batch begins", reason=said, prompt="a very secret wish")
    log.tell("from the engine <b>")

    (first, line), (second, _) = _told(live_house, worker)
    assert (first, second) == (1, 2)
    assert "a batch begins" in line
    for untold in (said, "abcdefghijklmnop", "a very secret wish", settings.s3_secret_access_key.get_secret_value()):
        assert untold not in line
    assert [text for _, text in _told(live_house, worker, after=1)] == ["from the engine <b>"]
    page = sign_in(live_house).get(f"/farm/workers/{worker}").get_data(as_text=True)
    assert "from the engine &lt;b&gt;" in page


def test_only_operators_read_it_and_only_the_newest_are_kept(live_house: House, worker: str) -> None:
    log = RecentLog(live_house.connections.progress, worker)
    for number in range(LOG_LINES + 50):
        log.tell(f"line {number} " + "x" * 10_000)
    told = _told(live_house, worker)
    assert [number for number, _ in told][-1] == LOG_LINES + 50
    assert len(told) == LOG_LINES
    assert max(len(text) for _, text in told) == 4_000
    assert live_house.get(f"/api/v1/workers/{worker}/log", live_house.theirs).status_code == 403
    assert live_house.get(f"/api/v1/workers/{new_id()}/log").status_code == 404
    assert live_house.get("/api/v1/workers/nonsense/log").status_code == 404


def test_without_redis_there_are_no_lines_and_nobody_is_held_up(house: House) -> None:
    worker_id = new_id()
    sign_on(house.connections.engine, worker_id=worker_id, pool="sana-demo-local", model="sana-demo", host="h", pid=1,
            now=house.connections.clock())  # fmt: skip
    RecentLog(house.connections.progress, worker_id).tell("unheard")
    assert _told(house, worker_id) == []
    assert "No line is kept of it" in sign_in(house).get(f"/farm/workers/{worker_id}").get_data(as_text=True)
