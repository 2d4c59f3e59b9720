"""The dead-letter list: what failed for good, why, and another try; nobody reads what names others."""

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from farm.database import read, write
from farm.ids import new_id
from farm.tables import Attempt, Job, Render, Worker
from scheduler.batching.sealed_batches import SEALED
from scheduler.fleet.worker_registry import sign_on
from tests.dashboard.conftest import House, Tenant
from tests.dashboard.visiting import sign_in, token_of

OTHER = "01a20936-152b-75ce-80a1-dcf6f4b2b4a5"


def fail(house: House, who: Tenant | None = None, reason: str = "it burnt", **asked: Any) -> dict[str, Any]:
    """A job of two renders that have failed for good, with a blamed attempt each; its counters say so."""
    job = house.submit(who, seed_count=2, **asked)
    with write(house.connections.engine) as connection:
        ids = connection.scalars(select(Render.id).where(Render.job_id == job["id"])).all()
        connection.execute(
            update(Render)
            .where(Render.id.in_(ids))
            .values(status="failed", reason=reason, failures=3, finished_at=1.0, attempt=4)
        )
        attempt = {"worker_id": OTHER, "pool": "sana-demo-local", "batch_id": OTHER, "batch_size": 4, "number": 3}
        lines = {"outcome": "failed", "log_lines": f"render {OTHER} was beside it\nCUDA error"}
        connection.execute(
            insert(Attempt), [attempt | lines | {"render_id": id, "started_at": 0.5, "ended_at": 1.0} for id in ids]
        )
        connection.execute(
            update(Job).where(Job.id == job["id"]).values(renders_failed=2, status="failed", finished_at=1.0)
        )
    return job


def letters(house: House, who: Tenant | None = None, query: str = "") -> list[dict[str, Any]]:
    answer = house.get(f"/api/v1/dead-letters{query}", who)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def test_a_failed_render_is_listed_with_its_reason_and_its_attempts(house: House) -> None:
    job = fail(house)

    [newest, older] = letters(house)

    assert newest["render_id"] > older["render_id"]
    assert (newest["job_id"], newest["reason"], newest["failures"]) == (job["id"], "it burnt", 3)
    [attempt] = newest["attempts"]
    assert (attempt["outcome"], attempt["batch_size"]) == ("failed", 4)
    assert attempt["log_lines"].endswith("CUDA error")


def test_tried_again_each_keeps_the_batch_limit_that_its_parameters_ask_for(house: House) -> None:
    asked = ({}, {"speed": "fast"}, {"deterministic": True})
    jobs = [fail(house, **more)["id"] for more in asked]
    assert house.post("/api/v1/dead-letters/retry", json={"everything": True}).json["renders"] == 6
    with read(house.connections.engine) as connection:
        rows = connection.execute(select(Render.job_id, Render.batch_limit)).all()
    assert [{row.batch_limit for row in rows if row.job_id == job} for job in jobs] == [{None}, {SEALED}, {1}]


def test_an_artist_reads_log_lines_only_of_the_own_project_and_none_that_name_others(house: House) -> None:
    fail(house, house.theirs)
    fail(house)

    found = letters(house, house.theirs)

    assert {letter["project"] for letter in found} == {"theirs"}
    assert {attempt["log_lines"] for letter in found for attempt in letter["attempts"]} == {"***\nCUDA error"}
    assert house.get("/api/v1/dead-letters?all_projects=true", house.theirs).status_code == 403
    everything = letters(house, query="?all_projects=true")
    assert {letter["project"] for letter in everything} == {"ours", "theirs"}


def test_the_list_has_pages_and_filters(house: House) -> None:
    job = fail(house, reason="out of memory (100%)")
    fail(house, reason="other")
    first = house.get("/api/v1/dead-letters?limit=3").json
    second = house.get(f"/api/v1/dead-letters?limit=3&cursor={first['next_cursor']}").json
    ids = [item["render_id"] for item in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert (len(ids), second["next_cursor"]) == (4, None)
    assert len(letters(house, query="?reason=MEMORY")) == 2
    assert len(letters(house, query=f"?job={job['id']}")) == 2
    assert letters(house, query="?model=wan-demo") == []
    assert letters(house, query="?reason=%25%25") == []


@pytest.mark.parametrize("query", ["?cursor=zzz", "?limit=0", "?nonsense=1", "?reason=%00", "?all_projects=perhaps"])
def test_a_wrong_question_is_refused(house: House, query: str) -> None:
    assert house.get(f"/api/v1/dead-letters{query}").status_code == 422


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_one_or_all_are_tried_again_and_those_of_paused_jobs_stay(postgres_house: House) -> None:
    house = postgres_house
    job, other, theirs = fail(house), fail(house), fail(house, house.theirs)
    first = letters(house)[0]["render_id"]

    assert house.post("/api/v1/dead-letters/retry", json={"renders": [first]}).json == {
        "renders": 1,
        "jobs": 1,
        "paused_jobs": [],
    }
    assert house.post("/api/v1/dead-letters/retry", json={}).status_code == 422
    assert house.post("/api/v1/dead-letters/retry", json={"reason": "nothing like it"}).json["renders"] == 0
    with write(house.connections.engine) as connection:
        connection.execute(update(Job).where(Job.id == job["id"]).values(status="paused", finished_at=None))
    answer = house.post("/api/v1/dead-letters/retry", json={"everything": True}).json
    assert answer == {"renders": 1, "jobs": 1, "paused_jobs": [job["id"]]}

    assert len(letters(house, house.theirs)) == 2, "nobody retries what is another project's"
    read_again = house.get(f"/api/v1/jobs/{other['id']}").json
    assert (read_again["status"], read_again["failed"]) == ("open", 0)
    with read(house.connections.engine) as connection:
        rows = connection.execute(select(Render.__table__).where(Render.job_id == other["id"])).all()
    assert {(row.status, row.failures, row.batch_limit, row.attempt) for row in rows} == {("pending", 0, None, 5)}
    answer = house.post("/api/v1/dead-letters/retry", json={"job": theirs["id"], "all_projects": True})
    assert answer.json["renders"] == 2


def test_the_page_shows_them_and_its_buttons_work(house: House) -> None:
    fail(house, prompt="a very sad circle")
    visitor = sign_in(house)

    page = visitor.get("/dead-letters").get_data(as_text=True)
    assert "a very sad circle" in page
    assert "CUDA error" in page
    token = token_of(visitor, "/dead-letters")
    visitor.post("/dead-letters/retry", data={"csrf_token": token, "render": letters(house)[0]["render_id"]})
    assert len(letters(house)) == 1
    visitor.post("/dead-letters/retry", data={"csrf_token": token})
    assert letters(house) == []
    assert "Nothing has failed" in visitor.get("/dead-letters?show=all").get_data(as_text=True)


def test_a_quarantined_worker_is_shown_with_the_reason_and_released_by_an_operator(house: House) -> None:
    worker, now = new_id(), house.connections.clock()
    sign_on(house.connections.engine, worker_id=worker, pool="sana-demo-local", model="sana-demo", host="h", pid=1,
            now=now)  # fmt: skip
    with write(house.connections.engine) as connection:
        connection.execute(update(Worker).values(quarantined_at=now, quarantine_reason="It fails everywhere."))

    [shown] = house.get("/api/v1/workers").json["items"]
    assert (shown["quarantined"], shown["quarantine_reason"]) == (True, "It fails everywhere.")
    assert house.get("/api/v1/workers", house.theirs).json["items"][0]["quarantine_reason"] is None
    assert "It fails everywhere." in house.get("/workers").get_data(as_text=True)

    address = f"/api/v1/workers/{worker}/release"
    assert house.post(address, house.theirs).status_code == 403
    assert house.post(address).json["items"][0]["quarantined"] is False
    assert house.post(address).status_code == 409
    for nobody in (OTHER, "nobody"):
        assert house.post(f"/api/v1/workers/{nobody}/release").status_code == 404
