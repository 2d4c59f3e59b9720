"""The audit log: each deed has its entry, with who, from where and to what; nobody's secret is in it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from farm import accounts
from farm.audit.record import Action
from farm.database import read
from farm.tables import AuditEntry
from scheduler.control.pause_pool import pause_pool
from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, sign_in, token_of


def entries(house: House, **asked: Any) -> list[dict[str, Any]]:
    """What the log says, the newest first; an admin asks."""
    answer = house.get("/api/v1/audit", query_string=asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def actions(house: House) -> list[str]:
    return [entry["action"] for entry in entries(house)]


def try_to_sign_in(house: House, name: str, password: str) -> int:
    client = house.client
    form = {"name": name, "password": password, "csrf_token": token_of(client, "/sign-in")}
    return int(client.post("/sign-in", data=form, environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code)


def test_signing_in_and_out_and_failing_to_is_written_without_what_was_typed(house: House) -> None:
    assert try_to_sign_in(house, "ours-user", "wrong") == 401
    assert try_to_sign_in(house, "correct horse", "battery") == 401  # a password, in the field for the name
    visitor = sign_in(house)
    visitor.post("/sign-out", data={"csrf_token": token_of(visitor, "/jobs")}, headers=PAGE)
    found = entries(house)[:4]
    assert [(entry["action"], entry["target"]) for entry in found] == [
        ("session.ended", "ours-user"),
        ("session.begun", "ours-user"),
        ("session.refused", None),
        ("session.refused", "ours-user"),
    ]
    assert [(entry["actor"], entry["via"], entry["details"]) for entry in found[1:3]] == [
        ("ours-user", "dashboard", {"by": "password"}),
        ("nobody known", "dashboard", {"by": "password"}),
    ]
    assert found[2]["address"] == "192.0.2.7"
    assert "horse" not in str(found)


def test_a_link_that_was_never_made_leaves_no_trace_and_a_used_one_does(house: House) -> None:
    link = accounts.sign_in_link(house.connections.engine, house.ours.user_id, "")
    never_made = house.theirs.key[:-1] + ("y" if house.theirs.key.endswith("x") else "x")
    for path in (link, link, f"/sign-in/{never_made}"):
        client = house.client
        client.post(path, data={"csrf_token": token_of(client, "/sign-in")})
    assert actions(house)[:4] == ["session.refused", "session.begun", "link.created", "key.created"]
    assert entries(house)[0]["details"] == {"by": "link"}
    assert link.rpartition("/")[2] not in str(entries(house))


def test_keys_people_and_projects_are_written_with_the_key_that_did_it(house: House) -> None:
    made = house.post("/api/v1/keys", json={"name": "ci", "seconds": 60, "scopes": ["read"]}).json
    headers = house.ours.headers | {"X-Request-Id": "mine-1"}
    house.client.delete(f"/api/v1/keys/{made['key']['id']}", headers=headers)
    house.client.delete(f"/api/v1/keys/{made['key']['id']}", headers=headers)  # changes nothing: no second entry
    house.post("/api/v1/projects", json={"name": "film"})
    house.post("/api/v1/users", json={"name": "ada", "project": "film", "password": "a secret password"})
    change = {"role": "viewer", "disabled": True, "password": "another password"}
    house.client.patch("/api/v1/users/ada", json=change, headers=house.ours.headers)
    house.post("/api/v1/projects/film/pause")
    house.client.delete("/api/v1/users/ada", headers=house.ours.headers)
    own = house.get("/api/v1/whoami").json["key"]["id"]

    found = entries(house, limit=8)
    assert [entry["action"] for entry in found] == [
        *("user.removed", "user.changed", "project.paused", "user.changed", "user.created", "project.created"),
        *("key.revoked", "key.created"),
    ]
    assert {(entry["actor"], entry["key_id"], entry["via"]) for entry in found} == {("ours-user", own, "api")}
    assert (found[3]["target"], found[3]["project"]) == ("ada", "film")
    assert found[3]["details"] == {"role": "viewer", "disabled": True, "password": "changed"}
    assert found[2]["target"] == "film"
    assert (found[6]["request_id"], found[6]["target"]) == ("mine-1", made["key"]["id"])
    assert found[7]["details"] == {"name": "ci", "user": "ours-user", "seconds": 60.0, "scopes": "read"}
    assert made["secret"] not in str(found)
    assert "password'" not in str([entry["details"] for entry in found]).replace("'password': 'changed'", "")


def test_what_removes_work_and_stops_the_fleet_is_written_and_what_fails_is_not(house: House) -> None:
    job = house.submit(prompt="a very private prompt")
    path = f"/api/v1/jobs/{job['id']}"
    assert house.client.delete(path, headers=house.ours.headers).status_code == 409  # it goes on
    house.post(f"{path}/cancel")
    house.client.delete(path, headers=house.ours.headers)
    house.post(f"{path}/restore")
    pool = house.get("/api/v1/pools").json["items"][0]["name"]
    house.post(f"/api/v1/pools/{pool}/pause")
    house.post("/api/v1/lanes/none/pause")
    hook = house.post("/api/v1/webhooks", json={"url": "https://example.com/secret-path"}).json["id"]
    house.client.delete(f"/api/v1/webhooks/{hook}", headers=house.ours.headers)
    found = entries(house, limit=6)
    assert [(entry["action"], entry["target"]) for entry in found[:5]] == [
        ("webhook.deleted", hook),
        ("webhook.created", hook),
        ("pool.paused", pool),
        ("job.restored", job["id"]),
        ("job.deleted", job["id"]),
    ]
    assert found[5]["action"] == "key.created"  # from before: the refused ones have left nothing
    assert found[1]["details"] == {"host": "example.com"}
    assert "private" not in str(found)


def test_a_deed_that_is_rolled_back_leaves_no_entry(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before, pool = len(entries(house)), house.get("/api/v1/pools").json["items"][0]["name"]

    def break_off(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("scheduler.control.pause_pool.record", break_off)
    with pytest.raises(RuntimeError):
        pause_pool(house.connections, pool)
    assert not any(found["paused"] for found in house.get("/api/v1/pools").json["items"])
    assert len(entries(house)) == before


def test_the_log_is_filtered_and_paged_and_for_admins_alone(house: House) -> None:
    for number in range(5):
        house.post("/api/v1/keys", json={"name": f"key {number}"})
    assert house.get("/api/v1/audit", house.theirs).status_code == 403
    seen: list[str] = []
    cursor: str | None = None
    while cursor or not seen:
        page = house.get("/api/v1/audit", query_string={"limit": 2, "action": "key.created", "cursor": cursor}).json
        seen += [entry["details"]["name"] for entry in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["key 4", "key 3", "key 2", "key 1", "key 0", "tests", "tests"]
    assert [entry["target"] for entry in entries(house, action="user.created", project="theirs")] == ["theirs-user"]
    assert entries(house, actor="ours-user", until="2000-01-01T00:00:00Z") == []
    assert len(entries(house, actor="ours-user", since="2000-01-01T00:00:00Z")) == 5
    for wrong in ({"action": "none"}, {"since": "yesterday"}, {"cursor": "x"}, {"who": "me"}):
        assert house.get("/api/v1/audit", query_string=wrong).status_code == 422


def test_every_action_is_explained_in_the_docs(read_docs: Callable[[str], str]) -> None:
    text = read_docs("audit.md")
    assert [action for action in Action if f"`{action}`" not in text] == []


@pytest.fixture
def read_docs(request: pytest.FixtureRequest) -> Callable[[str], str]:
    return lambda name: (request.config.rootpath / "docs" / name).read_text(encoding="utf-8")


def test_an_entry_outlives_whom_it_names(house: House) -> None:
    accounts.create_user(house.connections.engine, house.ours.project_id, "eve")
    accounts.remove_user(house.connections.engine, "eve")
    with read(house.connections.engine) as connection:
        targets = connection.scalars(select(AuditEntry.target).where(AuditEntry.target == "eve")).all()
    assert len(targets) == 3  # made, shut out, removed
