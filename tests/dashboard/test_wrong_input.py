"""Whatever is wrong with a request, the answer is a 4xx problem document that says where and what to do."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.accounts import create_key
from tests.dashboard.conftest import House

GOOD = {"model": "sana-demo", "prompt": "a red circle on a blue background"}


def _raw(**asked: Any) -> bytes:
    return json.dumps({**GOOD, **asked}).encode()


#: name → (body, status, pointers that must be named)
CASES: dict[str, tuple[bytes, int, set[str]]] = {
    "a size that is no multiple": (_raw(width=130, height=128), 422, {"/width"}),
    "a size beyond the limit": (_raw(width=4096, height=128), 422, {"/width"}),
    "a width of one pixel": (_raw(width=1), 422, {"/width"}),
    "a frame count that is not 4k+1": (_raw(model="wan-demo", num_frames=8), 422, {"/num_frames"}),
    "frames of a picture": (_raw(num_frames=9), 422, {"/num_frames"}),
    "an unknown model": (_raw(model="sana-demoo"), 422, {"/model"}),
    "an unknown sampler": (_raw(sampler="eular"), 422, {"/sampler"}),
    "too many steps": (_raw(num_inference_steps=1000), 422, {"/num_inference_steps"}),
    "a negative prompt for Sprint": (_raw(model="sprint-demo", negative_prompt="blur"), 422, {"/negative_prompt"}),
    "a text in a number's place": (_raw(num_inference_steps="20"), 422, {"/num_inference_steps"}),
    "a seed that is too large": (_raw(seed=2**64), 422, {"/seed"}),
    "too many renders": (_raw(seed_count=10_001), 422, {"/seed_count"}),
    "an unknown field": (_raw(promt="a typo"), 422, {"/promt"}),
    "an unknown class": (_raw(**{"class": "now"}), 422, {"/class"}),
    "an empty prompt": (_raw(prompt="  "), 422, {"/prompt"}),
    "no prompt": (b'{"model": "sana-demo"}', 422, {"/prompt"}),
    "a NUL in a prompt": (_raw(prompt="a\0b"), 422, {"/prompt"}),
    "a NUL in a title": (_raw(title="a\0b"), 422, {"/title"}),
    "a lone surrogate in a prompt": (b'{"model": "sana-demo", "prompt": "\\ud800"}', 400, {"/prompt"}),
    "a list as the body": (b"[]", 422, {""}),
    "bad JSON": (b'{"model": ', 400, {""}),
    "no body": (b"", 400, {""}),
    "deep JSON": (b"[" * 100_000 + b"]" * 100_000, 400, {""}),
    "no UTF-8": (b'{"prompt": "\xff"}', 400, {""}),
    "NaN": (b'{"model": "sana-demo", "prompt": "a", "guidance_scale": NaN}', 400, {""}),
    "a key given twice": (b'{"prompt": "a", "prompt": "b"}', 400, {""}),
    "many faults at once": (
        _raw(width=130, height=4096, sampler="x", promt=1, num_inference_steps=0),
        422,
        {"/width", "/height", "/sampler", "/promt", "/num_inference_steps"},
    ),
}


def _assert_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.content_type == "application/problem+json"
    document: dict[str, Any] = answer.json
    assert document["status"] == status
    assert document["type"].startswith("/problems/")
    assert document["title"]
    assert document["detail"]
    assert document["instance"]
    assert "Traceback" not in answer.get_data(as_text=True)
    return document


@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "-"))
def test_a_wrong_submission_is_refused_with_every_fault_and_leaves_no_job(house: House, case: str) -> None:
    body, status, pointers = CASES[case]
    answer = house.post("/api/v1/jobs", data=body, content_type="application/json")
    document = _assert_problem(answer, status)
    faults = {fault["pointer"]: fault["detail"] for fault in document["errors"]}
    assert pointers <= set(faults)
    assert all(len(detail) > 10 for detail in faults.values())
    assert house.get("/api/v1/jobs").json["items"] == []


def test_a_prompt_of_a_megabyte_is_refused(house: House) -> None:
    answer = house.post("/api/v1/jobs", json={**GOOD, "prompt": "x" * 1_000_000})
    _assert_problem(answer, 413)
    answer = house.post("/api/v1/jobs", json={**GOOD, "prompt": "x" * 900_000})
    assert "/prompt" in {fault["pointer"] for fault in _assert_problem(answer, 422)["errors"]}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_body_that_is_not_declared_as_json_is_refused(house: House, content_type: str | None) -> None:
    answer = house.post("/api/v1/jobs", data=_raw(), content_type=content_type)
    assert "application/json" in _assert_problem(answer, 415)["detail"]


@pytest.mark.parametrize("key", ["x" * 201, "\xfc", "", "a\tb"])
def test_a_malformed_idempotency_key_is_refused(house: House, key: str) -> None:
    answer = house.post("/api/v1/jobs", json=GOOD, headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in _assert_problem(answer, 422)["errors"][0]["pointer"]


def test_an_idempotency_key_used_for_another_request_is_refused(house: House) -> None:
    headers = {"Idempotency-Key": "mine"}
    assert house.post("/api/v1/jobs", json=GOOD, headers=headers).status_code == 201
    answer = house.post("/api/v1/jobs", json={**GOOD, "seed": 7}, headers=headers)
    assert _assert_problem(answer, 422)["type"] == "/problems/idempotency-mismatch"


@pytest.mark.parametrize(
    "authorization",
    ["Bearer lf_wrong", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "lf_", "Bearer \xff", "Bearer " + "x" * 7000],
)
def test_a_bad_key_is_refused(house: House, authorization: str) -> None:
    answer = house.client.get("/api/v1/jobs", headers={"Authorization": authorization})
    _assert_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_that_has_expired_or_was_revoked_is_refused(house: House) -> None:
    from farm.accounts import revoke_key

    engine = house.connections.engine
    expired = create_key(engine, house.ours.project_id, seconds=-1)
    revoked = create_key(engine, house.ours.project_id)
    revoke_key(engine, revoked.id)
    for key in (expired, revoked):
        answer = house.client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {key.secret}"})
        _assert_problem(answer, 401)


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/api/v1/jobs?cursor=nonsense", "/query/cursor"),
        ("/api/v1/jobs?cursor=" + "A" * 500, "/query/cursor"),
        ("/api/v1/jobs?limit=0", "/query/limit"),
        ("/api/v1/jobs?limit=many", "/query/limit"),
        ("/api/v1/jobs?status=finished", "/query/status/0"),
        ("/api/v1/jobs?statuss=done", "/query/statuss"),
        ("/api/v1/live?jobb=1", "/query/jobb"),
    ],
)
def test_a_wrong_question_is_refused_and_names_its_fault(house: House, path: str, pointer: str) -> None:
    document = _assert_problem(house.get(path), 422)
    assert pointer in {fault["pointer"] for fault in document["errors"]}


@pytest.mark.parametrize(
    "path", ["/api/v1/jobs/1", "/api/v1/jobs/x%00y", "/api/v1/renders/%F0%9F", "/api/v1/nothing", "/nothing"]
)
def test_what_does_not_exist_is_a_404(house: House, path: str) -> None:
    _assert_problem(house.get(path), 404)


def test_a_wrong_method_is_a_405_that_names_the_right_ones(house: House) -> None:
    answer = house.client.delete("/api/v1/jobs", headers=house.ours.headers)
    _assert_problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


def test_what_breaks_on_our_side_is_a_500_without_its_inner_life(house: House, monkeypatch: Any) -> None:
    monkeypatch.setattr("dashboard.api.get_models.parameters_schema", lambda entry: 1 / 0)
    answer = house.get("/api/v1/models")
    document = _assert_problem(answer, 500)
    assert document["instance"].startswith("urn:uuid:")
    assert "ZeroDivision" not in answer.get_data(as_text=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps))
def test_no_body_at_all_breaks_request_validation(house: House, body: bytes | str) -> None:
    answer = house.post("/api/v1/jobs", data=body, content_type="application/json")
    _assert_problem(answer, answer.status_code)
    assert 400 <= answer.status_code < 500


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.text(max_size=60))
def test_no_cursor_breaks_a_list(house: House, cursor: str) -> None:
    answer = house.client.get("/api/v1/jobs", query_string={"cursor": cursor}, headers=house.ours.headers)
    assert answer.status_code in (200, 422)
