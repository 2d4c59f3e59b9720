"""An ended job can be deleted: it leaves the lists, can be restored for a day, and goes with its files."""

from typing import Any

import pytest
from sqlalchemy import func, select

from farm.database import read
from farm.errors import NotFound
from farm.tables import Artifact, Render
from scheduler.maintenance import apply_retention
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer


def _delete(house: House, job_id: str, **query: Any) -> Any:
    return house.client.delete(f"/api/v1/jobs/{job_id}", headers=house.ours.headers, query_string=query)


def _listed(house: House, **query: Any) -> list[str]:
    return [item["id"] for item in house.get("/api/v1/jobs", query_string=query).json["items"]]


def _ended(house: House) -> str:
    job_id: str = house.submit()["id"]
    house.post(f"/api/v1/jobs/{job_id}/cancel")
    return job_id


def _check_delete_and_restore(house: House) -> None:
    job_id = _ended(house)
    deleted = _delete(house, job_id)
    assert deleted.status_code == 200
    assert deleted.json["delete_at"] is not None
    assert (_listed(house), _listed(house, deleted="true")) == ([], [job_id])
    assert house.get(f"/api/v1/jobs/{job_id}").json["delete_at"] == deleted.json["delete_at"]
    # Before its time nothing is removed, and somebody may think again.
    apply_retention.one_pass(house.connections, house.connections.clock())
    restored = house.post(f"/api/v1/jobs/{job_id}/restore")
    assert (restored.status_code, restored.json["delete_at"]) == (200, None)
    assert house.post(f"/api/v1/jobs/{job_id}/restore").json["version"] == restored.json["version"]
    assert (_listed(house), _listed(house, deleted="true")) == ([job_id], [])
    kinds = [item["kind"] for item in house.get(f"/api/v1/jobs/{job_id}/events").json["items"]]
    assert kinds[-2:] == ["deleted", "restored"]
    # And when its time has come it goes.
    _delete(house, job_id, keep_seconds=0)
    assert house.post(f"/api/v1/jobs/{job_id}/restore").status_code == 409
    apply_retention.one_pass(house.connections, house.connections.clock())
    assert house.get(f"/api/v1/jobs/{job_id}").status_code == 404
    assert _delete(house, job_id).status_code == 404


def test_a_deleted_job_leaves_the_lists_and_can_be_restored_until_it_goes(house: House) -> None:
    _check_delete_and_restore(house)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_jobs_are_deleted_on_postgresql_too(postgres_house: House) -> None:
    _check_delete_and_restore(postgres_house)


def test_a_job_that_goes_on_is_not_deleted(house: House) -> None:
    job_id = house.submit()["id"]
    answer = _delete(house, job_id)
    assert answer.status_code == 409
    assert "cancel it first" in answer.json["detail"]


def test_who_retries_a_render_of_a_deleted_job_keeps_the_job(house: House) -> None:
    job = house.submit()
    [render] = house.renders(job["id"])
    drawer = Drawer(house.connections, "sana-demo-local")
    drawer.finish(drawer.take(), "it broke")
    assert _delete(house, job["id"]).status_code == 200
    assert house.post(f"/api/v1/renders/{render['id']}/retry").status_code == 200
    assert house.get(job["links"]["self"]).json["delete_at"] is None


def test_the_files_go_with_the_job(live_house: House) -> None:
    house = live_house
    job_id = house.submit()["id"]
    Drawer(house.connections, "sana-demo-local").draw_everything()
    with read(house.connections.engine) as connection:
        keys = connection.scalars(select(Artifact.key)).all()
    assert len(keys) == 3
    _delete(house, job_id, keep_seconds=0)
    apply_retention.one_pass(house.connections, house.connections.clock())
    for key in keys:
        with pytest.raises(NotFound):
            house.connections.storage.get(key)
    with read(house.connections.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Render)) == 0
