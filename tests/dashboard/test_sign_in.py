"""Signing in, staying signed in, and what a session may do."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dashboard.auth import safe_next
from farm.accounts import sign_in_link
from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, sign_in, token_of


def link_path(house: House, seconds: float = 60.0) -> str:
    url = sign_in_link(house.connections.engine, house.ours.user_id, "http://localhost", seconds)
    return url.removeprefix("http://localhost")


def test_a_name_and_its_password_open_a_session(house: House) -> None:
    client = sign_in(house)
    page = client.get("/jobs", headers=PAGE)
    assert page.status_code == 200
    assert house.ours.user_name in page.get_data(as_text=True)
    assert client.get("/api/v1/jobs").status_code == 200


@pytest.mark.parametrize(("name", "password"), [("ours-user", "wrong"), ("nobody", "wrong"), ("", "")])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(house: House, name: str, password: str) -> None:
    client = house.client
    form = {"name": name, "password": password, "csrf_token": token_of(client, "/sign-in")}
    answer = client.post("/sign-in", data=form)
    assert answer.status_code == 401
    assert "do not belong together" in answer.get_data(as_text=True)
    assert client.get("/api/v1/jobs").status_code == 401


def test_a_sign_in_link_survives_being_looked_at_and_works_once(house: House) -> None:
    path = link_path(house)
    for _ in range(3):  # a mail scanner, a preview, the person
        assert house.client.get(path, headers=PAGE).status_code == 200
    client = house.client
    assert client.post(path, data={"csrf_token": token_of(client, path)}).status_code == 303
    assert client.get("/jobs", headers=PAGE).status_code == 200
    other = house.client
    again = other.post(path, data={"csrf_token": token_of(other, path)})
    assert again.status_code == 401
    assert "does not work any more" in again.get_data(as_text=True)


def test_a_sign_in_link_expires(house: House) -> None:
    client, path = house.client, link_path(house, seconds=-1)
    assert client.post(path, data={"csrf_token": token_of(client, path)}).status_code == 401


def test_an_api_key_is_no_sign_in_link_and_a_link_is_no_key(house: House) -> None:
    client = house.client
    path = f"/sign-in/{house.ours.key}"
    assert client.post(path, data={"csrf_token": token_of(client, path)}).status_code == 401
    secret = link_path(house).rpartition("/")[2]
    assert client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(house: House) -> None:
    client = house.client
    form = {"name": house.ours.user_name, "password": house.ours.password, "csrf_token": token_of(client, "/sign-in")}
    cookie = client.post("/sign-in", data=form).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_behind_https_the_session_cookie_is_secure(make_house: Any) -> None:
    house = make_house(public_url="https://farm.example.org")
    answer = house.client.get("/sign-in", headers={"Host": "farm.example.org"})
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/submit", "/sign-out"])
def test_a_session_changes_nothing_without_the_pages_token(house: House, path: str) -> None:
    client = sign_in(house)
    asked = {"model": "sana-demo", "prompt": "a red circle"}
    answer = client.post(path, json=asked) if path.startswith("/api") else client.post(path, data=asked)
    assert answer.status_code == 403
    assert answer.json["type"] == "/problems/form-expired"
    assert client.get("/api/v1/jobs").json["items"] == []


def test_a_session_with_the_pages_token_may_use_the_api(house: House) -> None:
    client = sign_in(house)
    headers = {"X-CSRF-Token": token_of(client, "/jobs")}
    asked = {"model": "sana-demo", "prompt": "a red circle"}
    assert client.post("/api/v1/jobs", json=asked, headers=headers).status_code == 201


def test_a_wrong_key_is_not_rescued_by_a_session(house: House) -> None:
    client = sign_in(house)
    assert client.get("/api/v1/jobs", headers={"Authorization": "Bearer lf_wrong"}).status_code == 401


def test_signing_out_ends_the_session(house: House) -> None:
    client = sign_in(house)
    assert client.post("/sign-out", data={"csrf_token": token_of(client, "/jobs")}).status_code == 303
    assert client.get("/api/v1/jobs").status_code == 401


def test_a_visitor_is_led_to_the_sign_in_and_back_to_the_page(house: House) -> None:
    client = house.client
    answer = client.get("/workers?x=1", headers=PAGE)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=/workers?x%3D1"
    text = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert 'name="next" value="/workers?x=1"' in text


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.text(alphabet="/\\:@.evil\t\n\r? ", max_size=12))
@example("//evil.example")
@example("/\\evil.example")
@example("https://evil.example")
@example("/\t/evil.example")
def test_the_way_back_never_leads_to_another_site(house: House, target: str) -> None:
    with house.app.test_request_context():
        where = safe_next(target)
    assert where.startswith("/")
    assert not where.startswith(("//", "/\\"))
    assert not re.search(r"[\s\\]", where)
