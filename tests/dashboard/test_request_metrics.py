"""How long requests took is told at `/metrics`, of all processes of a dashboard, without a word of what was asked."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from pydantic import SecretStr

from farm.accounts import create_key, ensure_first_project
from farm.database import make_engine
from farm.ids import new_id
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from tests.benchmarks.own_dashboard import own_dashboard
from tests.dashboard.conftest import House


def counts(text: str) -> dict[tuple[str, str, str], float]:
    """Requests by method, path and kind of status."""
    return {
        (sample.labels["method"], sample.labels["path"], sample.labels["status"]): sample.value
        for family in parse(text)
        for sample in family.samples
        if sample.name == "farm_http_request_seconds_count"
    }


def test_requests_are_counted_by_the_address_as_it_is_declared(house: House) -> None:
    job = house.submit(prompt="a secret plan")
    missing = new_id()
    for address in (f"/api/v1/jobs/{job['id']}", f"/api/v1/jobs/{missing}", f"/nowhere/{missing}", "/healthz"):
        house.get(address)
    house.client.open("/api/v1/jobs", method="BREW", headers=house.ours.headers)
    text = house.get("/metrics").get_data(as_text=True)
    found = counts(text)
    assert found["POST", "/api/v1/jobs", "2xx"] == 1
    assert found["GET", "/api/v1/jobs/<job_id>", "2xx"] == 1
    assert found["GET", "/api/v1/jobs/<job_id>", "4xx"] == 1
    assert found["GET", "no such address", "4xx"] == 1
    assert {method for method, _, _ in found} == {"GET", "POST", "other"}
    assert not any("health" in path or "metrics" in path for _, path, _ in found)
    for told in (job["id"], missing, "secret"):
        assert told not in text
    assert re.search(r'farm_http_request_seconds_bucket\{le="0.5",method="GET"', text)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path, database_url=SecretStr(f"sqlite:///{tmp_path}/farm.sqlite3"), dashboard_processes=2
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[httpx.Client]:
    upgrade(settings)
    engine = make_engine(settings)
    account = ensure_first_project(engine)
    key = create_key(engine, account.project_id, name="here", user_id=account.user_id).secret
    engine.dispose()
    with own_dashboard(settings, key) as client:
        yield client


def test_any_process_of_a_dashboard_tells_of_the_requests_of_all(client: httpx.Client) -> None:
    asked = 20
    for _ in range(asked):  # each a connection of its own: whichever process is free takes it
        answer = client.get("/api/v1/whoami", headers={"Connection": "close"})
        assert answer.status_code == 200, answer.text
    for _ in range(4):
        text = client.get("/metrics", headers={"Connection": "close"}).text
        assert counts(text)["GET", "/api/v1/whoami", "2xx"] == asked, text[:500]
