"""Submitting, listing, watching and stopping jobs over the API."""

import pytest
from sqlalchemy import Engine, update

from farm.database import write
from farm.tables import Render
from tests.dashboard.conftest import House


def test_a_submission_answers_with_the_job_where_it_is_and_what_to_know(house: House) -> None:
    answer = house.post(
        "/api/v1/jobs",
        json={"model": "sana-demo", "prompt": ["a red circle", "蓝色背景上的红色圆形"], "seeds": [1, 2]},
    )
    job = answer.json["job"]
    assert answer.status_code == 201
    assert answer.headers["Location"] == job["links"]["self"]
    assert (job["status"], job["total"], job["pending"], job["class"]) == ("open", 4, 4, "normal")
    assert isinstance(answer.json["notices"], list)
    assert house.get(job["links"]["self"]).json == job
    renders = house.get(job["links"]["renders"]).json["items"]
    assert [(item["index"], item["parameters"]["prompt"], item["parameters"]["seed"]) for item in renders] == [
        (0, "a red circle", 1),
        (1, "a red circle", 2),
        (2, "蓝色背景上的红色圆形", 1),
        (3, "蓝色背景上的红色圆形", 2),
    ]


def test_the_same_idempotency_key_gives_the_same_job_again(house: House) -> None:
    request = {"model": "sana-demo", "prompt": "a red circle"}
    first = house.post("/api/v1/jobs", json=request, headers={"Idempotency-Key": "once"})
    again = house.post("/api/v1/jobs", json=request, headers={"Idempotency-Key": "once"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json["job"]["id"] == first.json["job"]["id"]
    assert len(house.get("/api/v1/jobs").json["items"]) == 1


def test_what_was_accepted_and_is_sent_again_is_answered_with_its_job_whatever_has_changed_since(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a job of a model, which then is taken out of the catalog
    request, once = {"model": "sprint-demo", "prompt": "a red circle"}, {"Idempotency-Key": "once"}
    first = house.post("/api/v1/jobs", json=request, headers=once)
    monkeypatch.delitem(house.connections.catalog.models, "sprint-demo")
    assert house.post("/api/v1/jobs", json=request).status_code == 422

    # When the client, who never got an answer, sends it again
    again = house.post("/api/v1/jobs", json=request, headers=once)

    # Then it hears of its job; what is not the same request is refused for what is wrong with it
    assert (again.status_code, again.json["job"]["id"]) == (200, first.json["job"]["id"])
    other = house.post("/api/v1/jobs", json=request | {"seed_count": 2}, headers=once)
    assert (other.status_code, other.json["type"]) == (422, "/problems/unknown-model")


def test_cursors_walk_through_all_jobs_newest_first_without_gaps_or_doubles(house: House) -> None:
    made = [house.submit(title=f"job {number}")["id"] for number in range(7)]
    seen, cursor = [], None
    while True:
        page = house.get("/api/v1/jobs", query_string={"limit": 3, **({"cursor": cursor} if cursor else {})}).json
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == made[::-1]


def test_cursors_walk_through_all_renders_of_a_job(house: House) -> None:
    job = house.submit(seed_count=7)
    seen, cursor = [], None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = house.get(job["links"]["renders"], query_string=query).json
        seen += [item["index"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == list(range(7))


def test_a_list_can_be_narrowed_to_states(house: House) -> None:
    going, stopped = house.submit()["id"], house.submit()["id"]
    house.post(f"/api/v1/jobs/{stopped}/cancel")
    assert [job["id"] for job in house.get("/api/v1/jobs?status=cancelled").json["items"]] == [stopped]
    assert [job["id"] for job in house.get("/api/v1/jobs?status=open&status=paused").json["items"]] == [going]
    assert len(house.get("/api/v1/jobs?status=open&status=cancelled").json["items"]) == 2


def test_cancelling_a_job_ends_all_that_waits_and_is_told_in_its_events(house: House) -> None:
    job = house.submit(seed_count=3)
    cancelled = house.post(f"/api/v1/jobs/{job['id']}/cancel").json
    assert (cancelled["status"], cancelled["cancelled"], cancelled["pending"]) == ("cancelled", 3, 0)
    assert cancelled["finished_at"]
    events = house.get(job["links"]["events"]).json["items"]
    assert [event["version"] for event in events] == list(range(1, cancelled["version"] + 1))
    assert events[0]["kind"] == "submitted"
    assert house.get(f"{job['links']['events']}?after=1").json["items"] == events[1:]


def test_one_render_can_be_cancelled_and_its_neighbours_go_on(house: House) -> None:
    job = house.submit(seed_count=2)
    first, second = house.renders(job["id"])
    assert house.post(f"/api/v1/renders/{first['id']}/cancel").json["status"] == "cancelled"
    assert house.get(f"/api/v1/renders/{second['id']}").json["status"] == "pending"


def test_only_a_failed_render_can_be_retried(house: House) -> None:
    render = house.renders(house.submit()["id"])[0]
    answer = house.post(f"/api/v1/renders/{render['id']}/retry")
    assert answer.status_code == 409
    assert "failed" in answer.json["detail"]


def test_the_models_say_what_may_be_asked_of_them(house: House) -> None:
    models = {model["name"]: model for model in house.get("/api/v1/models").json["items"]}
    assert {"sana-demo", "sprint-demo", "wan-demo"} <= set(models)
    assert models["sana-demo"]["pools"] == ["sana-demo-local"]
    assert models["wan-demo"]["parameters"]["properties"]["num_frames"]["anyOf"][0]["enum"][0] == 1


def test_pools_say_what_of_ours_they_have_still_to_render(house: House) -> None:
    house.submit(seed_count=3)
    house.submit(house.theirs, seed_count=5)
    pools = {pool["name"]: pool for pool in house.get("/api/v1/pools").json["items"]}
    assert pools["sana-demo-local"]["unfinished"] == 3
    assert pools["wan-demo-local"]["unfinished"] == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_api_works_on_postgresql_too(postgres_house: House) -> None:
    house = postgres_house
    job = house.submit(seed_count=3)
    _set_running(house.connections.engine, house.renders(job["id"])[0]["id"])
    read = house.get(f"/api/v1/jobs/{job['id']}").json
    assert (read["running"], read["pending"]) == (1, 2)
    assert house.get("/api/v1/jobs?limit=1").json["items"] == [read]
    assert house.get("/api/v1/pools").status_code == 200
    assert house.get("/api/v1/workers").status_code == 200
    assert house.get("/jobs").status_code == house.get(f"/jobs/{job['id']}").status_code == 200
    assert house.post(f"/api/v1/jobs/{job['id']}/cancel").json["cancelled"] == 3
    assert house.get("/api/v1/jobs/not-an-id").status_code == 404


def _set_running(engine: Engine, render_id: str) -> None:
    with write(engine) as connection:
        connection.execute(update(Render).where(Render.id == render_id).values(status="running", phase="stepping"))
