"""What programs say and hear beside the bodies: versions, ids of requests, what is left of a limit."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from dashboard.api import versions
from dashboard.api.common import PageQuery
from dashboard.api.get_jobs import JobsQuery
from dashboard.problems import InternalError
from scheduler.control.reorder import Place, reorder_job
from tests.dashboard.conftest import House


def _get(house: House, path: str, **headers: str) -> Any:
    return house.client.get(path, headers=house.ours.headers | {key.replace("_", "-"): headers[key] for key in headers})


def test_what_has_not_changed_is_not_sent_again(house: House) -> None:
    job = house.submit()
    house.post(f"{job['links']['self']}/cancel")
    for path in (job["links"]["self"], job["links"]["events"], "/api/v1/jobs", "/api/v1/models", "/api/v1/whoami"):
        first = _get(house, path)
        again = _get(house, path, If_None_Match=first.headers["ETag"])
        assert (first.status_code, again.status_code, again.data) == (200, 304, b""), path
        assert again.headers["ETag"] == first.headers["ETag"]
        assert first.headers["Cache-Control"] == "private, no-cache"
    # Links are signed anew, so an answer that has some is never the same.
    assert "ETag" not in _get(house, job["links"]["renders"]).headers
    # What changes has another tag.
    tag = _get(house, "/api/v1/jobs").headers["ETag"]
    house.submit()
    assert _get(house, "/api/v1/jobs", If_None_Match=tag).status_code == 200


def test_who_changes_a_job_that_changed_meanwhile_is_told(house: House) -> None:
    path = house.submit()["links"]["self"]
    tag = _get(house, path).headers["ETag"]
    paused = house.post(f"{path}/pause", headers={"If-Match": tag})
    assert paused.status_code == 200
    late = house.post(f"{path}/cancel", headers={"If-Match": tag})
    assert (late.status_code, late.json["type"]) == (412, "/problems/changed")
    assert _get(house, path).json["status"] == "paused"
    either = f'"nothing", {paused.headers["ETag"]}'
    assert house.post(f"{path}/resume", headers={"If-Match": either}).status_code == 200
    assert house.post(f"{path}/cancel", headers={"If-Match": "*"}).status_code == 200
    missing = path.replace(path[-4:], "0000")
    assert house.post(f"{missing}/cancel", headers={"If-Match": tag}).status_code == 404


@pytest.mark.parametrize("tag", ['""', '"', '"-"', "W/", 'W/""', ",", "\x7f", '"' * 5_000, '"x",' * 500])
def test_a_tag_that_is_none_of_ours_is_no_tag_of_the_job(house: House, tag: str) -> None:
    path = house.submit()["links"]["self"]
    assert house.post(f"{path}/pause", headers={"If-Match": tag}).status_code in (200, 412)
    assert _get(house, path, If_None_Match=tag).status_code == 200


def test_a_request_has_the_id_that_it_brings(house: House) -> None:
    answer = _get(house, "/api/v1/jobs/none", X_Request_Id="build-7/step:3")
    assert answer.headers["X-Request-Id"] == answer.json["request_id"] == "build-7/step:3"


@pytest.mark.parametrize("bad", ["", "a b", "x" * 129, "ä", '"', "a\tb"])
def test_an_id_that_may_not_be_one_is_replaced(house: House, bad: str) -> None:
    answer = _get(house, "/api/v1/whoami", X_Request_Id=bad)
    assert answer.status_code == 200
    assert len(answer.headers["X-Request-Id"]) == 36


def test_the_log_of_a_request_has_its_id_and_that_of_the_next_one_has_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise InternalError() from RuntimeError("broken for the test")

    seen = []
    monkeypatch.setattr("dashboard.api.get_whoami.project_row", lambda _: seen.append(_bound()) or broken())
    _get(house, "/api/v1/whoami", X_Request_Id="mine")
    assert seen == [{"request_id": "mine"}]
    assert "request_id" not in _bound()


def _bound() -> dict[str, Any]:
    return structlog.contextvars.get_contextvars()


def _check_limit(house: House) -> None:
    answers = [house.get("/api/v1/whoami") for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert answers[0].headers["RateLimit-Policy"] == '"project";q=2;w=60'
    assert answers[0].headers["RateLimit"].startswith('"project";r=1;t=')
    refused = answers[2]
    assert (refused.status_code, refused.json["type"]) == (429, "/problems/too-many-requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"].startswith('"project";r=0;t=')
    # Another project has its own, and pages are for people.
    assert house.get("/api/v1/whoami", house.theirs).status_code == 200
    assert house.get("/jobs").status_code == 200


def test_a_project_sends_so_many_requests_in_a_minute(make_house: Callable[..., House], valkey_url: str) -> None:
    _check_limit(make_house(requests_per_minute=2, redis_url=SecretStr(valkey_url)))


def test_without_redis_each_process_counts_for_itself(make_house: Callable[..., House]) -> None:
    _check_limit(make_house(requests_per_minute=2, redis_url=SecretStr("redis://127.0.0.1:9/0")))


def test_the_surface_for_openais_clients_is_no_way_around_the_limit(make_house: Callable[..., House]) -> None:
    house = make_house(requests_per_minute=2)
    answers = [house.get(path) for path in ("/api/v1/whoami", "/v1/models", "/v1/videos")]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[2]
    assert refused.json["error"]["code"] == "rate_limit_exceeded"
    assert (refused.headers["x-should-retry"], 1 <= int(refused.headers["Retry-After"]) <= 60) == ("true", True)
    assert refused.headers["RateLimit"].startswith('"project";r=0;t=')


def test_without_a_limit_nothing_is_said_of_one(house: House) -> None:
    assert not [name for name, _ in house.get("/api/v1/whoami").headers if name.startswith("RateLimit")]


def test_a_request_is_written_down_where_the_operator_asks_for_it_without_what_its_address_holds(
    make_house: Callable[..., House],
) -> None:
    house = make_house(log_requests=True)
    with capture_logs() as lines:
        job = house.submit(house.theirs, prompt="an unreleased film")
        house.get(f"/api/v1/jobs/{job['id']}", house.theirs)
        house.client.get("/sign-in/a-secret-that-signs-somebody-in")
        house.client.get("/healthz")
    written = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in written[:2]] == [
        ("POST", "/api/v1/jobs", 201),
        ("GET", "/api/v1/jobs/<job_id>", 200),
    ]
    assert {line["project_id"] for line in written[:2]} == {house.theirs.project_id}
    assert len(written) == 3
    for secret in ("a-secret-that-signs", "unreleased", job["id"]):
        assert secret not in str(written)


def test_what_a_request_may_say_is_worked_out_once_and_not_at_every_request() -> None:
    """flask-openapi3 asks for the schema of a query at each of them."""
    assert PageQuery.model_json_schema() is PageQuery.model_json_schema()
    assert PageQuery.model_json_schema()["title"] == "PageQuery"
    assert JobsQuery.model_json_schema()["title"] == "JobsQuery"
    assert PageQuery.model_json_schema(ref_template="{model}") is not PageQuery.model_json_schema()


@pytest.mark.parametrize("verb", ["pause", "cancel", "order", "class"])
def test_a_change_between_the_look_at_if_match_and_the_writing_is_seen(
    house: House, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    job = house.submit(prompt=["one", "two"])
    path = f"/api/v1/jobs/{job['id']}"
    tag = house.get(path).headers["ETag"]
    looked = versions.find_job

    def look_and_let_another_change_it(*asked: Any, **options: Any) -> Any:
        found = looked(*asked, **options)
        monkeypatch.setattr(versions, "find_job", looked)
        with ThreadPoolExecutor(1) as another:  # another request: it expects nothing
            another.submit(reorder_job, house.connections, job["id"], place=Place.FRONT).result()
        return found

    monkeypatch.setattr(versions, "find_job", look_and_let_another_change_it)
    body = {"order": {"place": "back"}, "class": {"class": "bulk"}}.get(verb)
    late = house.post(f"{path}/{verb}", headers={"If-Match": tag}, json=body)
    assert (late.status_code, late.json["type"]) == (412, "/problems/changed")
    now = house.get(path).json
    assert (now["status"], now["class"], now["cancelled"], now["version"]) == ("open", "normal", 0, job["version"] + 1)
    # Whoever asks with the version of now may, also for a change that goes on in several transactions
    again = house.post(f"{path}/{verb}", headers={"If-Match": house.get(path).headers["ETag"]}, json=body)
    assert again.status_code == 200, again.get_data(as_text=True)
