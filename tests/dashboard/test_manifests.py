"""The manifests of a job as JSONL."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from dashboard.api import get_job_manifests
from farm.database import read
from farm.errors import StorageDown
from farm.tables import Artifact
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer


def _export(house: House, job_id: str, after: int = -1) -> list[Any]:
    answer = house.get(f"/api/v1/jobs/{job_id}/manifests", query_string={"after": after})
    assert (answer.status_code, answer.content_type) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]


@pytest.fixture
def job_id(live_house: House, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job of five renders, of which the third is cancelled; each manifest stands on several lines."""
    house = live_house
    monkeypatch.setattr(get_job_manifests, "_AT_ONCE", 2)
    job_id: str = house.submit(seed_count=5)["id"]
    house.post(f"/api/v1/renders/{house.renders(job_id)[2]['id']}/cancel")
    Drawer(house.connections, "sana-demo-local").draw_everything()
    for index, render in enumerate(house.renders(job_id)):
        for key in _keys(house, render["id"]):
            house.connections.storage.put(key, json.dumps({"index": index}, indent=2).encode(), "application/json")
    return job_id


def _keys(house: House, render_id: str) -> list[str]:
    with read(house.connections.engine) as connection:
        chosen = select(Artifact.key).where(Artifact.render_id == render_id, Artifact.kind == "manifest")
        return list(connection.scalars(chosen))


def test_each_manifest_is_a_line_in_the_order_of_the_renders(live_house: House, job_id: str) -> None:
    assert _export(live_house, job_id) == [{"index": index} for index in (0, 1, 3, 4)]
    assert _export(live_house, job_id, after=1) == [{"index": 3}, {"index": 4}]
    assert _export(live_house, live_house.submit()["id"]) == []


def test_what_fails_in_the_middle_is_said_in_the_last_line(
    live_house: House, job_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [lost] = _keys(live_house, live_house.renders(job_id)[0]["id"])
    live_house.connections.storage.delete([lost])
    assert _export(live_house, job_id) == [{"index": index} for index in (1, 3, 4)]
    [broken] = _keys(live_house, live_house.renders(job_id)[4]["id"])
    get = live_house.connections.storage.get

    def down(key: str) -> bytes:
        if key == broken:
            raise StorageDown("It does not answer.")
        return get(key)

    monkeypatch.setattr(live_house.connections.storage, "get", down)
    *lines, last = _export(live_house, job_id)
    assert lines == [{"index": 1}]
    assert (last["type"], last["status"]) == ("/problems/storage-down", 503)
    monkeypatch.setattr(live_house.connections.storage, "get", lambda key: down(broken))
    assert live_house.get(f"/api/v1/jobs/{job_id}/manifests").status_code == 503
