"""Signing in by an OpenID Connect provider: a real one, in a process of its own."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask.testing import FlaskClient
from playwright.sync_api import sync_playwright
from pydantic import SecretStr, ValidationError

from dashboard.oidc import identity_of
from farm import accounts
from farm.accounts.identities import connect_user
from farm.errors import Forbidden
from farm.security import Role
from tests.dashboard.conftest import House, make_settings
from tests.dashboard.serving import served
from tests.dashboard.visiting import PAGE, token_of
from tests.waiting import eventually

CLAIMS = {
    "sub": "u-1",
    "preferred_username": "ada",
    "groups": ["render-team", "render-admins"],
}


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """The address of a provider that knows ada."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "-p", str(port), "--require-nonce"]
    process = subprocess.Popen([*command, "--user-claims", json.dumps(CLAIMS)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: process.poll() is not None or _answers(url))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/.well-known/openid-configuration").status_code == 200
    except httpx.TransportError:
        return False


def service(issuer: str, **more: Any) -> dict[str, Any]:
    """Settings of a farm with this provider."""
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": "the-farm",
        "oidc_client_secret": SecretStr("the secret of the farm"),
        "oidc_label": "Studio account",
        "oidc_roles": {"render-admins": "operator", "render-team": "artist"},
        "oidc_projects": {"render-team": "ours"},
        **more,
    }


def know(provider: str, subject: str, **claims: Any) -> None:
    assert httpx.put(f"{provider}/users/{subject}", json=claims).status_code == 204


def come_back(client: FlaskClient, subject: str, path: str = "/sign-in/oidc") -> str:
    """Go to the provider, sign in there; the address on the farm that it leads back to."""
    there = client.get(path, headers=PAGE)
    assert there.status_code == 302, there.text
    asked = parse_qs(urlsplit(there.location).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["http://localhost/sign-in/oidc/callback"]
    assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) >= 20
    allowed = httpx.post(there.location, data={"sub": subject})
    return allowed.headers["location"].removeprefix("http://localhost")


def sign_in_as(house: House, subject: str) -> tuple[FlaskClient, Any]:
    client = house.client
    return client, client.get(come_back(client, subject), headers=PAGE)


def roles(house: House) -> dict[str, tuple[str, str]]:
    return {user.name: (user.role, user.project) for user in accounts.list_users(house.connections.engine)}


def test_a_person_comes_in_with_the_role_of_the_groups_and_each_sign_in_follows_them(
    provider: str, make_house: Callable[..., House]
) -> None:
    house = make_house(**service(provider, oidc_projects={"render-team": "ours", "film": "theirs"}))
    assert "Sign in with Studio account" in house.client.get("/sign-in", headers=PAGE).text
    client = house.client
    back = client.get(come_back(client, "u-1", "/sign-in/oidc?next=/workers"), headers=PAGE)
    assert (back.status_code, back.location) == (303, "/workers")
    told = client.get("/api/v1/whoami").json
    assert (told["user"], told["role"], told["project"]["name"]) == ("ada", "operator", "ours")
    key = client.post("/api/v1/keys", json={"name": "k"}, headers={"X-CSRF-Token": token_of(client, "/jobs")}).json

    know(provider, "u-1", preferred_username="ada2", groups=["render-team"])
    sign_in_as(house, "u-1")
    assert roles(house)["ada"] == ("artist", "ours")  # the same person, whatever the name is now
    assert client.get("/api/v1/whoami").json["role"] == "artist"
    know(provider, "u-1", preferred_username="ada", groups=["film", "render-admins"])
    sign_in_as(house, "u-1")
    assert roles(house)["ada"] == ("operator", "theirs")
    old = house.client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {key['secret']}"})
    assert old.status_code == 401  # the key was of the project that she has left

    assert client.post("/sign-out", data={"csrf_token": token_of(client, "/jobs")}).status_code == 303
    assert client.get("/jobs", headers=PAGE).status_code == 302
    log = house.get("/api/v1/audit?target=ada&action=session.begun").json["items"]
    assert [(entry["actor"], entry["details"]) for entry in log] == [("ada", {"by": "oidc"})] * 3
    know(provider, "u-1", **{name: value for name, value in CLAIMS.items() if name != "sub"})


def test_who_may_not_come_in_is_told_why(provider: str, make_house: Callable[..., House]) -> None:
    house = make_house(**service(provider))
    know(provider, "u-2", preferred_username="eve", groups=["others"])
    know(provider, "u-3", preferred_username="ours-user", groups=["render-team"])
    for subject, status, words in (
        ("u-2", 403, "None of your groups has a role"),
        ("u-3", 403, "farm users connect NAME SUBJECT"),
    ):
        client, answer = sign_in_as(house, subject)
        assert answer.status_code == status
        assert words in answer.text
        assert client.get("/jobs", headers=PAGE).status_code == 302
    assert "eve" not in roles(house)

    connect_user(house.connections.engine, "theirs-user", provider, "u-3")
    client, answer = sign_in_as(house, "u-3")
    assert answer.status_code == 303
    accounts.change_user(house.connections.engine, "theirs-user", disabled=True)
    assert client.get("/jobs", headers=PAGE).status_code == 302
    assert "shut out" in sign_in_as(house, "u-3")[1].text


def test_the_last_admin_stays_one_whatever_the_groups_say(provider: str, make_house: Callable[..., House]) -> None:
    house = make_house(**service(provider))
    connect_user(house.connections.engine, "ours-user", provider, "u-1")
    assert sign_in_as(house, "u-1")[1].status_code == 303
    assert roles(house)["ours-user"] == ("admin", "ours")


def test_an_answer_that_was_not_asked_for_is_refused(provider: str, make_house: Callable[..., House]) -> None:
    house = make_house(**service(provider))
    client, thief = house.client, house.client
    back = come_back(client, "u-1")
    assert thief.get(back, headers=PAGE).status_code == 401  # another browser: its state is not there
    assert client.get(f"{back}x", headers=PAGE).status_code == 401
    assert client.get("/sign-in/oidc/callback?error=access_denied", headers=PAGE).status_code == 401
    assert client.get(back, headers=PAGE).status_code == 303
    assert client.get(back, headers=PAGE).status_code == 401  # once: the state is used up


def test_passwords_can_be_switched_off_and_a_provider_that_is_away_gives_a_page(
    make_house: Callable[..., House],
) -> None:
    house = make_house(**service("http://127.0.0.1:9", local_sign_in=False))
    page = house.client.get("/sign-in", headers=PAGE)
    assert 'name="password"' not in page.text
    client = house.client
    link = accounts.sign_in_link(house.connections.engine, house.ours.user_id, "")
    form = {"name": "ours-user", "password": house.ours.password, "csrf_token": token_of(client, link)}
    assert client.post("/sign-in", data=form, headers=PAGE).status_code == 403
    assert client.post(link, data=form, headers=PAGE).status_code == 303  # a link still counts
    away = house.client.get("/sign-in/oidc", headers=PAGE)
    assert (away.status_code, "does not answer" in away.text) == (503, True)


def test_groups_make_a_role_and_a_project_or_nothing(tmp_path: Any) -> None:
    def made(groups: Any, **roles: str) -> tuple[Role, str]:
        known = service("https://login.example.org", oidc_roles=roles or {"a": "artist", "b": "admin", "*": "viewer"})
        settings = make_settings("sqlite://", tmp_path, **known | {"oidc_projects": {"a": "one", "*": "all"}})
        found = identity_of({"sub": "s", "email": "ada@example.org", "groups": groups}, settings)
        assert found.name == "ada@example.org"
        return found.role, found.project

    assert made(["a", "b"]) == (Role.ADMIN, "one")
    assert made("a") == (Role.ARTIST, "one")
    assert made([]) == made(None) == made([1, {}]) == (Role.VIEWER, "all")
    with pytest.raises(Forbidden):
        made(["c"], a="artist")
    for faulty in ({"oidc_roles": {}}, {"oidc_client_id": None}, {"oidc_roles": {"a": "king"}}):
        with pytest.raises(ValidationError):
            make_settings("sqlite://", tmp_path, **service("https://login.example.org", **faulty))
    with pytest.raises(ValidationError):
        make_settings("sqlite://", tmp_path, local_sign_in=False)


@pytest.mark.long
def test_a_browser_signs_in_by_the_button(provider: str, make_house: Callable[..., House], tmp_path: Path) -> None:
    house = make_house(**service(provider))
    with served(house, tmp_path / "dashboard.log") as (url, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 640})
        page.goto(f"{url}/workers")
        page.screenshot(path=tmp_path / "sign-in.png")
        page.get_by_role("link", name="Sign in with Studio account").click()
        page.get_by_role("button", name="u-1").click()
        page.wait_for_url(f"{url}/workers")
        page.get_by_text("ada", exact=True).wait_for()
        page.screenshot(path=tmp_path / "signed-in.png")
        browser.close()
