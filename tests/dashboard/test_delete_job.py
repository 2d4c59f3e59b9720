"""An ended job can be deleted: it leaves the lists, can be restored for a day, and goes with its files."""

from typing import Any

import pytest
from sqlalchemy import func, select

from farm.database import read
from farm.errors import NotFound
from farm.tables import Artifact, Render
from scheduler.maintenance.old_files import remove_old_jobs
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.visiting import PAGE, sign_in, token_of


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
    remove_old_jobs.one_pass(house.connections, house.connections.clock())
    restored = house.post(f"/api/v1/jobs/{job_id}/restore")
    assert (restored.status_code, restored.json["delete_at"]) == (200, None)
    assert house.post(f"/api/v1/jobs/{job_id}/restore").json["version"] == restored.json["version"]
    assert (_listed(house), _listed(house, deleted="true")) == ([job_id], [])
    kinds = [item["kind"] for item in house.get(f"/api/v1/jobs/{job_id}/events").json["items"]]
    assert kinds[-2:] == ["deleted", "restored"]
    # And when its time has come it goes.
    _delete(house, job_id, keep_seconds=0)
    assert house.post(f"/api/v1/jobs/{job_id}/restore").status_code == 409
    remove_old_jobs.one_pass(house.connections, house.connections.clock())
    assert house.get(f"/api/v1/jobs/{job_id}").status_code == 404
    assert _delete(house, job_id).status_code == 404


def test_a_deleted_job_leaves_the_lists_and_can_be_restored_until_it_goes(house: House) -> None:
    _check_delete_and_restore(house)


def test_a_job_is_deleted_on_its_page_which_says_so_and_undoes_it(house: House) -> None:
    visitor, page = sign_in(house), f"/jobs/{(open_job := house.submit()['id'])}"
    assert f'action="{page}/delete"' not in visitor.get(page, headers=PAGE).text, "it goes on"
    house.post(f"/api/v1/jobs/{open_job}/cancel")
    token = {"csrf_token": token_of(visitor, page)}

    def press(button: str) -> str:
        assert f'action="{page}/{button}"' in visitor.get(page, headers=PAGE).text
        answer = visitor.post(f"{page}/{button}", data=token, headers=PAGE)
        assert (answer.status_code, answer.location) == (303, page)
        return str(visitor.get(page, headers=PAGE).text)

    assert "This job is deleted: on " in press("delete")
    assert page not in visitor.get("/jobs", headers=PAGE).text
    assert page in visitor.get("/jobs?show=deleted", headers=PAGE).text
    assert "This job is deleted" not in press("restore")
    assert page in visitor.get("/jobs", headers=PAGE).text
    assert "Nothing waits to be removed" in visitor.get("/jobs?show=deleted", headers=PAGE).text


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


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_other_list_has_what_is_of_a_deleted_job_and_nobody_retries_it_unasked(postgres_house: House) -> None:
    house = postgres_house
    clip, picture = house.submit(model="wan-demo"), house.submit()
    house.post(f"{clip['links']['self']}/cancel")
    drawer = Drawer(house.connections, "sana-demo-local")
    drawer.finish(drawer.take(), "it broke")
    for job in (clip, picture):
        assert _delete(house, job["id"]).status_code == 200

    assert house.get("/v1/videos").json["data"] == []
    assert house.get("/api/v1/dead-letters").json["items"] == []
    for meant in ({"everything": True}, {"everything": True, "all_projects": True}, {"reason": "broke"}):
        assert house.post("/api/v1/dead-letters/retry", json=meant).json["renders"] == 0
    assert len(house.get(f"/api/v1/dead-letters?job={picture['id']}").json["items"]) == 1

    # Whose time has come is not opened again: its files are being removed.
    _delete(house, picture["id"], keep_seconds=0)
    [render] = house.renders(picture["id"])
    assert house.post(f"/api/v1/renders/{render['id']}/retry").status_code == 409
    assert house.post("/api/v1/dead-letters/retry", json={"job": picture["id"]}).json["renders"] == 0
    assert house.get(picture["links"]["self"]).json["status"] == "failed"


@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-1", "1e99", ""])
def test_a_time_that_is_none_is_refused(house: House, seconds: str) -> None:
    job_id = _ended(house)
    assert _delete(house, job_id, keep_seconds=seconds).status_code == 422
    assert _listed(house) == [job_id]


def test_the_files_go_with_the_job(live_house: House) -> None:
    house = live_house
    job_id = house.submit()["id"]
    Drawer(house.connections, "sana-demo-local").draw_everything()
    with read(house.connections.engine) as connection:
        keys = connection.scalars(select(Artifact.key)).all()
    assert len(keys) == 3
    _delete(house, job_id, keep_seconds=0)
    remove_old_jobs.one_pass(house.connections, house.connections.clock())
    for key in keys:
        with pytest.raises(NotFound):
            house.connections.storage.get(key)
    with read(house.connections.engine) as connection:
        assert connection.scalar(select(func.count()).select_from(Render)) == 0
