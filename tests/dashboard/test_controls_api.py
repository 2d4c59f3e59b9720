"""The controls over HTTP: who may, what it answers, and what is wrong in one problem document."""

from typing import Any

import pytest
from sqlalchemy import update

from farm.database import write
from farm.tables import Project
from tests.dashboard.conftest import House, Tenant
from tests.dashboard.visiting import sign_in, token_of

NOBODY = "018f0000-0000-7000-8000-000000000000"
THREE = [1, 2, 3]


def limit(house: House, who: Tenant, **limits: Any) -> None:
    with write(house.connections.engine) as connection:
        connection.execute(update(Project).where(Project.id == who.project_id).values(**limits))


def operator(house: House) -> Tenant:
    """The one of the two tenants who is an operator."""
    return next(who for who in (house.ours, house.theirs) if _is_operator(house, who))


def _is_operator(house: House, who: Tenant) -> bool:
    answer = house.post("/api/v1/pools/sana-demo-local/resume", who)
    return bool(answer.status_code == 200)


def test_a_job_is_paused_reclassed_put_in_front_and_resumed(house: House) -> None:
    job = house.submit(seeds=THREE)
    address = f"/api/v1/jobs/{job['id']}"
    assert house.post(f"{address}/pause").json["status"] == "paused"
    assert house.post(f"{address}/class", json={"class": "urgent"}).json["class"] == "urgent"
    assert house.post(f"{address}/order", json={"place": "front"}).status_code == 200
    assert house.post(f"{address}/resume").json["status"] == "open"
    kinds = [event["kind"] for event in house.get(f"{address}/events").json["items"]]
    assert kinds == ["submitted", "paused", "held", "reclassed", "reordered", "resumed", "released"]


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("class", {"class": "now"}, 422),
        ("class", {}, 422),
        ("class", {"class": "urgent\0"}, 422),
        ("order", {}, 422),
        ("order", {"place": "top"}, 422),
        ("order", {"before": "x"}, 404),
        ("order", {"before": NOBODY}, 404),
        ("model", {"model": "nonsense\0"}, 422),
        ("model", {"model": "wan-demo"}, 422),
    ],
)
def test_what_cannot_be_is_refused(house: House, verb: str, body: dict[str, Any], status: int) -> None:
    job = house.submit()
    answer = house.post(f"/api/v1/jobs/{job['id']}/{verb}", json=body)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


@pytest.mark.parametrize("verb", ["pause", "resume", "class", "order", "model"])
def test_nobody_controls_the_jobs_of_others(house: House, verb: str) -> None:
    job = house.submit(house.theirs)
    bodies: dict[str, Any] = {"class": {"class": "bulk"}, "order": {"place": "front"}, "model": {"model": "sana-demo"}}
    answer = house.post(f"/api/v1/jobs/{job['id']}/{verb}", json=bodies.get(verb))
    assert answer.status_code == 404


def test_a_filter_counts_first_and_then_cancels(house: House) -> None:
    house.submit(prompt=["a cat", "a dog"])
    house.submit(house.theirs, prompt="a cat")
    asked = {"text": "CAT", "dry_run": True}
    assert house.post("/api/v1/cancellations", json=asked).json == {
        "jobs": 1,
        "renders": 1,
        "ending": 0,
        "dry_run": True,
    }
    assert house.post("/api/v1/cancellations", json={"text": "cat"}).json["renders"] == 1
    assert house.post("/api/v1/cancellations", json=asked).json["renders"] == 0


@pytest.mark.parametrize(
    "body", [{}, {"text": "a\0"}, {"status": ["done"]}, {"created_before": "2030-01-01T00:00:00"}, {"jobs": "all"}]
)
def test_filters_that_mean_nothing_are_refused(house: House, body: dict[str, Any]) -> None:
    assert house.post("/api/v1/cancellations", json=body).status_code == 422


def test_lanes_and_pools_are_for_operators_and_artists_pause_their_own_project(house: House) -> None:
    chief = operator(house)
    artist = house.theirs if chief is house.ours else house.ours
    own, other = ("ours", "theirs") if artist is house.ours else ("theirs", "ours")
    for what in ("lanes/sana-demo@fp32", "pools/sana-demo-local"):
        for verb in ("pause", "resume"):
            assert house.post(f"/api/v1/{what}/{verb}", artist).status_code == 403
            told = house.post(f"/api/v1/{what}/{verb}", chief)
            assert (told.status_code, told.json["paused"]) == (200, verb == "pause")
    assert house.post("/api/v1/pools/nonsense/pause", chief).status_code == 404
    assert house.post("/api/v1/pools/%00/pause", chief).status_code == 422
    assert house.post(f"/api/v1/projects/{own}/pause", artist).json["paused"] is True
    assert house.post(f"/api/v1/projects/{other}/pause", artist).status_code == 404
    assert house.post(f"/api/v1/projects/{own}/resume", chief).json["paused"] is False


def test_a_quota_that_is_used_up_says_which_and_how_much(house: House) -> None:
    limit(house, house.ours, max_pending=4, gpu_seconds_per_day=1e6)
    house.submit(seeds=THREE)
    answer = house.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": "a circle", "seeds": [1, 2]})

    assert (answer.status_code, answer.json["type"]) == (429, "/problems/quota-exceeded")
    told = {name: answer.json[name] for name in ("quota", "limit", "used", "asked", "frees_at")}
    assert told == {"quota": "max_pending", "limit": 4, "used": 3, "asked": 2, "frees_at": None}
    found = house.get("/api/v1/quota").json
    assert (found["max_pending"], found["pending"], found["budget"]) == (4, 3, None)


def test_a_day_that_is_used_up_says_when_to_come_again(house: House) -> None:
    limit(house, house.ours, gpu_seconds_per_day=1e-6)
    answer = house.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": "a circle"})
    assert (answer.status_code, answer.json["quota"]) == (429, "gpu_seconds_per_day")
    assert "Retry-After" not in answer.headers  # a day would never be enough for it
    limit(house, house.ours, gpu_seconds_per_day=None, budget=0.0)
    answer = house.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": "a circle"})
    assert (answer.status_code, answer.json["type"]) == (402, "/problems/budget-spent")


def test_the_buttons_of_the_page_need_its_token(house: House) -> None:
    job = house.submit(seeds=THREE)
    visitor, page = sign_in(house), f"/jobs/{job['id']}"
    for verb, more in (("pause", {}), ("resume", {}), ("front", {}), ("class", {"class": "bulk"})):
        assert visitor.post(f"{page}/{verb}", data=more).status_code == 403
        token = {"csrf_token": token_of(visitor, page)}
        assert visitor.post(f"{page}/{verb}", data=token | more).status_code == 303, verb
    assert house.get(f"/api/v1/jobs/{job['id']}").json["class"] == "bulk"
