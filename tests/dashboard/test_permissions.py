"""Roles and scopes: every address of the application, for everybody who may come."""

import re
from typing import Any

import pytest
from werkzeug.routing import Rule

from dashboard.permissions import NEEDS, PUBLIC
from farm import accounts
from farm.security import Role, Scope
from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, sign_in, token_of

SOME_ID = "01a20936-152b-75ce-80a1-dcf6f4b2b4a5"
READING = {"GET", "HEAD", "OPTIONS"}


def closed_routes(house: House) -> list[Rule]:
    return [rule for rule in house.app.url_map.iter_rules() if rule.endpoint not in PUBLIC]


def key_of(house: House, role: Role, *scopes: Scope) -> dict[str, str]:
    """What a request sends for a person of this role, by a key with these scopes (none: all that the role may)."""
    engine, name = house.connections.engine, f"{role} {' '.join(scopes)}"
    user = accounts.create_user(engine, house.ours.project_id, name, role)
    key = accounts.create_key(engine, house.ours.project_id, user_id=user, scopes=scopes or None)
    return {"Authorization": f"Bearer {key.secret}"}


def ask(house: House, method: str, path: str, headers: dict[str, str], **options: Any) -> Any:
    return house.client.open(path, method=method, headers=headers, **options)


#: What changes nothing and names more than an address holds.
READ_BY_POST = {"download.chosen"}


def test_every_route_says_what_it_needs(house: House) -> None:
    routes = closed_routes(house)
    assert {rule.endpoint for rule in routes} == set(NEEDS), "a new address has its line in dashboard/permissions.py"
    changing = {rule.endpoint for rule in routes if (rule.methods or set()) - READING}
    assert {name for name in changing if NEEDS[name] is Scope.READ} == READ_BY_POST
    assert [name for name in changing if NEEDS[name] is None] == ["sign_in.leave"]
    people = {rule.endpoint for rule in routes if rule.rule.startswith("/api/v1/users")}
    assert {NEEDS[name] for name in people} == {Scope.ADMIN}


@pytest.mark.parametrize(
    ("role", "scopes"), [*((role, ()) for role in Role), *((Role.ADMIN, (scope,)) for scope in Scope)]
)
def test_every_route_is_open_to_whom_it_names_and_to_nobody_else(
    house: House, role: Role, scopes: tuple[Scope, ...]
) -> None:
    headers, allowed = key_of(house, role, *scopes), set(scopes or role.scopes)
    for rule in closed_routes(house):
        house.app.view_functions[rule.endpoint] = lambda **_: ("let in", 299)  # what is behind the guard is not asked
    for rule in closed_routes(house):
        address = re.sub(r"<(?:\w+:)?\w+>", SOME_ID, rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            needed = NEEDS[rule.endpoint]
            answer = ask(house, method, address, headers)
            assert answer.status_code == (299 if needed is None or needed in allowed else 403), (rule, method)


def test_an_address_without_a_line_is_closed_to_everybody(house: House) -> None:
    house.app.add_url_rule("/new", "new", lambda: "open")
    assert house.get("/new").status_code == 403
    assert house.client.get("/new", headers=PAGE).status_code == 302


def test_who_only_looks_sees_no_button_that_would_be_refused(house: House) -> None:
    engine, job = house.connections.engine, house.submit()
    accounts.change_user(engine, house.theirs.user_name, role=Role.VIEWER)
    accounts.create_user(engine, house.ours.project_id, "eve", Role.VIEWER, "a password")
    viewer = sign_in(house, type(house.ours)(house.ours.project_id, "", "eve", "a password", ""))
    assert 'class="only-looks"' in viewer.get(f"/jobs/{job['id']}", headers=PAGE).text
    assert 'class="only-looks"' not in sign_in(house).get("/jobs", headers=PAGE).text
    token = {"csrf_token": token_of(viewer, "/jobs")}
    refused = viewer.post(f"/jobs/{job['id']}/cancel", data=token, headers=PAGE)
    assert refused.status_code == 403
    assert "Only artists, operators and admins" in refused.text
    assert viewer.post("/sign-out", data=token, headers=PAGE).status_code == 303


def test_an_operator_runs_all_projects_and_manages_nobody(house: House) -> None:
    headers, theirs = key_of(house, Role.OPERATOR), house.submit(house.theirs)
    assert len(ask(house, "GET", "/api/v1/projects", headers).json["items"]) == 2
    assert ask(house, "POST", "/api/v1/projects/theirs/pause", headers).status_code == 200
    found = ask(house, "POST", "/api/v1/cancellations", headers, json={"project": "theirs", "jobs": [theirs["id"]]})
    assert found.json["renders"] == 1
    for method, path, body in (
        ("GET", "/api/v1/keys?project=theirs", None),
        ("POST", "/api/v1/keys", {"name": "theirs", "project": "theirs"}),
        ("POST", "/api/v1/users", {"name": "eve", "project": "ours", "role": "admin"}),
        ("PATCH", "/api/v1/users/theirs-user", {"role": "admin"}),
    ):
        assert ask(house, method, path, headers, json=body).status_code == 403, path


def test_a_key_may_what_its_scopes_say_and_makes_none_that_may_more(house: House) -> None:
    made = house.post("/api/v1/keys", json={"name": "door", "scopes": ["submit"]}).json
    assert made["key"]["scopes"] == ["submit"]
    headers = {"Authorization": f"Bearer {made['secret']}"}
    told = ask(house, "GET", "/api/v1/whoami", headers).json
    assert (told["role"], told["scopes"]) == ("admin", ["submit"])
    asked = {"model": "sana-demo", "prompt": "a red circle"}
    assert ask(house, "POST", "/api/v1/jobs", headers, json=asked).status_code == 201
    refused = ask(house, "GET", "/api/v1/jobs", headers)
    assert (refused.status_code, refused.json["type"]) == (403, "/problems/forbidden")
    assert "needs a key with the scope 'read'; this key may: submit." in refused.json["detail"]

    child = ask(house, "POST", "/api/v1/keys", headers, json={"name": "child"}).json
    assert child["key"]["scopes"] == ["submit"]
    more = {"name": "child", "scopes": ["submit", "admin"]}
    assert ask(house, "POST", "/api/v1/keys", headers, json=more).status_code == 403
    for wrong in ([], ["king"], "read"):
        refused = house.post("/api/v1/keys", json={"name": "k", "scopes": wrong})
        assert refused.status_code == 422
        assert refused.json["errors"][0]["pointer"].startswith("/scopes")
    of_a_project = {"name": "k", "project": "theirs", "scopes": ["operate"]}
    assert house.post("/api/v1/keys", json=of_a_project).status_code == 422  # it belongs to nobody: an artist's


def test_a_key_keeps_no_scope_that_its_owners_role_has_lost(house: House) -> None:
    headers = key_of(house, Role.ADMIN, Scope.READ, Scope.ADMIN)
    assert ask(house, "GET", "/api/v1/users", headers).status_code == 200
    accounts.change_user(house.connections.engine, "admin read admin", role=Role.ARTIST)
    assert ask(house, "GET", "/api/v1/users", headers).status_code == 403
    assert ask(house, "GET", "/api/v1/whoami", headers).json["scopes"] == ["read"]


def test_the_last_use_of_a_key_is_written_once_a_minute(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[float] = []
    note = accounts.note_use
    monkeypatch.setattr(accounts, "note_use", lambda engine, key, at: (written.append(at), note(engine, key, at)))
    at = [1_000_000.0]
    monkeypatch.setattr("dashboard.auth.now", lambda: at[0])
    for seconds in (0.0, 1.0, 58.0, 2.0, 30.0):
        at[0] += seconds
        assert house.get("/api/v1/whoami").status_code == 200
    assert written == [1_000_000.0, 1_000_061.0]
    assert house.get("/api/v1/whoami").json["key"]["used_at"] == "1970-01-12T13:47:41.000Z"
