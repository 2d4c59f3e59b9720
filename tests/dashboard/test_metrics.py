"""What Prometheus reads at `/metrics`: the farm as it is, for those who may, without anybody's names."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import update

from farm.database import write
from farm.lifecycle import Outcome
from farm.metrics.farm_wide import FARM_METRICS
from farm.metrics.process_metrics import Kind
from farm.tables import Worker
from scheduler.maintenance.supervisor import Supervisor
from tests.dashboard.conftest import House
from tests.scheduler.jobs import LANE, POOL, claim_some, settle_as, sign_on

TOKEN = "the-token-of-a-prometheus"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SECRET_PROMPT = "an unreleased film of a studio"


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


class Scrape:
    """What was read, to be asked by name and labels."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = samples(text)

    def __call__(self, name: str, labels: Mapping[str, str] | None = None, **more: str) -> float | None:
        return self._found.get((name, frozenset({**(labels or {}), **more}.items())))


def scrape(house: House, **options: Any) -> Scrape:
    answer = house.client.get("/metrics", headers=BEARER, **options)
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return Scrape(answer.get_data(as_text=True))


def work_a_little(house: House) -> None:
    """One render is done, one runs, two wait; one worker beats, another was killed an hour ago."""
    connections = house.connections
    house.submit(house.theirs, prompt=SECRET_PROMPT, seed_count=4)
    worker, killed = sign_on(connections), sign_on(connections)
    with write(connections.engine) as connection:
        hour_ago = Worker.heartbeat_at - 3600
        connection.execute(update(Worker).where(Worker.id == killed).values(heartbeat_at=hour_ago))
    renders = claim_some(connections, capacity=2, worker_id=worker)
    settle_as(connections, renders[:1], Outcome.DONE)
    supervisor, stop = Supervisor(connections, []), threading.Event()
    supervisor.one_round()
    stop.set()
    supervisor.run(stop)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_scrape_says_how_the_farm_is_and_names_nobody(
    database: str, make_house: Callable[..., House], request: pytest.FixtureRequest
) -> None:
    house: House = make_house() if database == "sqlite" else request.getfixturevalue("postgres_house")
    house.connections.settings = house.connections.settings.model_validate(
        house.connections.settings.model_dump() | {"metrics_token": TOKEN}
    )
    work_a_little(house)
    found = scrape(house)

    at = {"lane": LANE, "class": "normal"}
    assert found("farm_lane_waiting_renders", at) == 2
    assert found("farm_lane_running_renders", at) == 1
    assert found("farm_lane_waiting_renders", {"lane": LANE, "class": "urgent"}) == 0
    assert 0 < (found("farm_lane_oldest_wait_seconds", at) or 0) < 3600
    assert (found("farm_lane_recent_wait_p95_seconds", at) or -1) >= 0
    assert found("farm_lane_recent_renders", lane=LANE, event="done") == 1
    assert found("farm_lane_recent_renders", lane=LANE, event="lost") == 0

    assert found("farm_pool_workers", pool=POOL, status="idle") == 1
    assert found("farm_pool_workers", pool=POOL, status="silent") == 1  # whatever Celery believes of it
    assert found("farm_pool_running_renders", pool=POOL) == 1
    assert found("farm_pool_running_batches", pool=POOL) == 1
    assert found("farm_pool_ended_renders_total", pool=POOL) == 1
    assert found("farm_pool_cost_total", pool=POOL, currency="EUR") == 0
    assert found("farm_unfinished_jobs", status="open") == 1
    assert found("farm_supervised") == 0  # the supervisor of this test has stopped, and gave its lease back
    assert found("farm_part_up", part="database") == 1
    assert found("farm_part_up", part="storage") == 0
    assert found("farm_database_read_ok") == 1

    told = {family.name for family in parse(found.text)}
    assert told == {metric.name.removesuffix("_total") for metric in FARM_METRICS} - {"farm_pool_wanted_workers"}
    for name in (SECRET_PROMPT, house.ours.user_name, house.theirs.user_name, "the-secret", "ours", "theirs"):
        assert name not in found.text
    assert house.theirs.project_id not in found.text


def test_only_those_whom_the_operator_names_may_read(make_house: Callable[..., House]) -> None:
    house = make_house(metrics_token=TOKEN, metrics_networks=["10.1.0.0/16", "127.0.0.0/8"])

    def status(address: str = "192.0.2.7", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return house.client.get("/metrics", headers=named, environ_overrides={"REMOTE_ADDR": address}).status_code

    # With the token, also by the address of a pod
    assert status(**BEARER) == 200
    assert status(**BEARER, Host="10.9.8.7:8420") == 200
    assert status(Authorization="Bearer the-token-of-somebody-else") == 401
    assert status(Authorization=f"Basic {TOKEN}") == 401
    # An operator's own key, and no artist's
    assert status(**house.ours.headers) == 200
    assert status(**house.theirs.headers) == 403
    # A network; not who comes through a proxy of this machine, nor a page under a name of its own
    assert status("10.1.2.3") == 200
    assert status("::ffff:10.1.2.3") == 200
    assert status("10.2.2.3") == 401
    assert status("") == 401
    assert status("127.0.0.1") == 200
    assert status("127.0.0.1", X_Forwarded_For="198.51.100.4") == 401
    assert status("127.0.0.1", Host="rebound.example") == 400
    # The token opens nothing else
    assert house.client.get("/api/v1/jobs", headers=BEARER).status_code == 401


def test_without_settings_it_is_closed_but_for_operators(house: House) -> None:
    assert house.client.get("/metrics", environ_overrides={"REMOTE_ADDR": "127.0.0.1"}).status_code == 401
    assert house.client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
    assert house.get("/metrics").status_code == 200


def test_what_a_reader_accepts_is_what_it_gets_and_nonsense_is_no_error(house: House) -> None:
    work_a_little(house)
    asked = {**house.ours.headers, "Accept": "application/openmetrics-text;version=1.0.0;escaping=underscores"}
    answer = house.client.get("/metrics", headers=asked)
    assert answer.content_type.startswith("application/openmetrics-text")
    kinds = {family.name: family.type for family in parse_openmetrics(answer.get_data(as_text=True))}
    counters = {metric.name.removesuffix("_total") for metric in FARM_METRICS if metric.kind is Kind.COUNTER}
    assert {name for name, kind in kinds.items() if kind == "counter"} == counters
    for nonsense in ("text/plain;version=x", "application/openmetrics-text;version=..", "*/*", ";;,"):
        assert house.client.get("/metrics", headers={**house.ours.headers, "Accept": nonsense}).status_code == 200


def test_while_the_database_is_away_the_rest_is_said(make_house: Callable[..., House]) -> None:
    house = make_house(metrics_token=TOKEN)
    house.connections.settings.data_dir.joinpath("house.sqlite3").write_bytes(b"no database at all, not by far" * 99)
    found = scrape(house)
    assert found("farm_database_read_ok") == 0
    assert found("farm_part_up", part="database") == 0
    assert found("farm_supervised") is None


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian's package prometheus)")
def test_promtool_finds_nothing_to_mend(house: House) -> None:
    work_a_little(house)
    text = house.get("/metrics").get_data(as_text=True)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
