"""Who asks, which projects there are, who is in them, and their keys: by role, and never across projects."""

from typing import Any

import pytest

from farm.accounts import create_key, create_project
from farm.errors import InvalidRequest
from tests.dashboard.conftest import House, Tenant
from tests.dashboard.visiting import sign_in


def _with_key(house: House, secret: str, method: str, path: str, **options: Any) -> Any:
    return house.client.open(path, method=method, headers={"Authorization": f"Bearer {secret}"}, **options)


def _patch(house: House, path: str, body: Any) -> Any:
    return house.client.patch(path, json=body, headers=house.ours.headers)


def _make_key(house: House, who: Tenant, **asked: Any) -> dict[str, Any]:
    answer = house.post("/api/v1/keys", who, json={"name": "mine", **asked})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    made: dict[str, Any] = answer.json
    return made


def test_whoami_says_for_whom_a_key_or_a_session_speaks(house: House) -> None:
    told = house.get("/api/v1/whoami", house.theirs).json
    assert (told["project"]["name"], told["user"], told["role"]) == ("theirs", "theirs-user", "artist")
    assert (told["key"]["name"], told["key"]["expires_at"]) == ("tests", None)
    assert house.theirs.key not in str(told)
    of_nobody = create_key(house.connections.engine, house.ours.project_id, name="robot").secret
    told = _with_key(house, of_nobody, "GET", "/api/v1/whoami").json
    assert (told["user"], told["role"], told["key"]["name"]) == (None, "artist", "robot")
    told = sign_in(house).get("/api/v1/whoami").json
    assert (told["user"], told["role"], told["key"]) == ("ours-user", "admin", None)


def test_an_artist_sees_the_own_project_and_an_admin_all(house: House) -> None:
    def names(who: Tenant) -> list[str]:
        return [item["name"] for item in house.get("/api/v1/projects", who).json["items"]]

    assert names(house.theirs) == ["theirs"]
    assert names(house.ours) == ["ours", "theirs"]
    assert house.get("/api/v1/projects/ours/members", house.theirs).status_code == 404
    members = house.get("/api/v1/projects/theirs/members", house.theirs).json["items"]
    assert members == [{"name": "theirs-user", "role": "artist", "disabled": False}]
    assert house.get("/api/v1/projects/theirs/members", house.ours).json["items"] == members


def test_an_admin_makes_a_project_and_lets_somebody_in(house: House) -> None:
    made = house.post("/api/v1/projects", json={"name": "film", "weight": 2})
    assert (made.status_code, made.json["weight"], made.json["paused"]) == (201, 2.0, False)
    assert house.post("/api/v1/projects", json={"name": "film"}).status_code == 409
    assert house.post("/api/v1/projects", house.theirs, json={"name": "other"}).status_code == 403
    asked = {"name": "ada", "project": "film", "password": "a good password"}
    answer = house.post("/api/v1/users", json=asked)
    assert (answer.status_code, answer.json["role"], answer.json["has_password"]) == (201, "artist", True)
    assert "a good password" not in answer.get_data(as_text=True)
    assert house.post("/api/v1/users", json=asked).status_code == 409
    assert house.post("/api/v1/users", house.theirs, json=asked | {"name": "eve"}).status_code == 403
    assert house.post("/api/v1/users", json=asked | {"project": "none"}).status_code == 404
    for name in ("", " ", "a\nb", "x" * 201):
        refused = house.post("/api/v1/users", json=asked | {"name": name})
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/name"), name
    members = house.get("/api/v1/projects/film/members").json["items"]
    assert [member["name"] for member in members] == ["ada"]


def test_a_name_with_a_slash_is_an_address_as_any_other(house: House) -> None:
    assert house.post("/api/v1/projects", json={"name": "film/2026"}).status_code == 201
    house.post("/api/v1/users", json={"name": "corp/ada", "project": "film/2026", "password": "a good password"})
    for name in ("film/2026", "film%2F2026"):
        address = f"/api/v1/projects/{name}"
        assert house.get(address).json["name"] == "film/2026"
        assert house.get(f"{address}/members").json["items"][0]["name"] == "corp/ada"
        assert _patch(house, address, {"weight": 2}).json["weight"] == 2
        assert house.post(f"{address}/pause").status_code == 200
        assert house.post(f"{address}/resume").status_code == 200
    ada = "/api/v1/users/corp%2Fada"
    assert _patch(house, ada, {"role": "viewer"}).json["role"] == "viewer"
    assert house.client.delete(ada, headers=house.ours.headers).status_code == 204


@pytest.mark.parametrize("weight", [0, 5e-324, 1e-7, 1e7, 1e308])
def test_no_weight_is_so_small_or_large_that_shares_cannot_be_told(house: House, weight: float) -> None:
    assert house.post("/api/v1/projects", json={"name": "film", "weight": weight}).status_code == 422
    changed = _patch(house, "/api/v1/projects/ours", {"weight": weight})
    assert (changed.status_code, changed.json["errors"][0]["pointer"]) == (422, "/weight")
    with pytest.raises(InvalidRequest, match=r"must be between 0\.000001 and 1000000"):
        create_project(house.connections.engine, "film", weight)


def test_a_body_that_is_no_object_is_told_so_in_words_of_json(house: House) -> None:
    bodies: list[Any] = [[], 3, "text"]
    for body in bodies:
        refused = _patch(house, "/api/v1/projects/ours", body)
        assert "must be an object" in refused.json["errors"][0]["detail"]
        assert "ProjectChange" not in refused.get_data(as_text=True)


def test_the_secret_of_a_key_is_shown_once_and_counts_until_it_is_revoked(house: House) -> None:
    made = _make_key(house, house.theirs, seconds=3600)
    key_id, secret = made["key"]["id"], made["secret"]
    assert made["key"]["expires_at"] is not None
    assert _with_key(house, secret, "GET", "/api/v1/whoami").json["user"] == "theirs-user"
    listed = house.get("/api/v1/keys", house.theirs)
    assert [item["name"] for item in listed.json["items"]] == ["tests", "mine"]
    assert secret not in listed.get_data(as_text=True)
    headers = house.theirs.headers
    assert house.client.delete(f"/api/v1/keys/{key_id}", headers=headers).status_code == 204
    assert house.client.delete(f"/api/v1/keys/{key_id}", headers=headers).status_code == 204
    assert _with_key(house, secret, "GET", "/api/v1/whoami").status_code == 401


def test_a_key_makes_none_that_outlives_it_and_one_of_nobody_makes_none(house: House) -> None:
    short = _make_key(house, house.theirs, seconds=60)
    made = _with_key(house, short["secret"], "POST", "/api/v1/keys", json={"name": "longer", "seconds": 10_000}).json
    assert made["key"]["expires_at"] == short["key"]["expires_at"]
    unlimited = _with_key(house, short["secret"], "POST", "/api/v1/keys", json={"name": "without end"}).json
    assert unlimited["key"]["expires_at"] == short["key"]["expires_at"]
    shorter = _with_key(house, short["secret"], "POST", "/api/v1/keys", json={"name": "shorter", "seconds": 1}).json
    assert shorter["key"]["expires_at"] < short["key"]["expires_at"]
    of_nobody = create_key(house.connections.engine, house.theirs.project_id, name="robot").secret
    assert _with_key(house, of_nobody, "POST", "/api/v1/keys", json={"name": "more"}).status_code == 403


def test_keys_are_ones_own_but_for_admins(house: House) -> None:
    ours = house.get("/api/v1/keys").json["items"][0]["id"]
    theirs = house.get("/api/v1/keys", house.theirs).json["items"][0]["id"]
    headers = house.theirs.headers
    assert house.client.delete(f"/api/v1/keys/{ours}", headers=headers).status_code == 404
    assert house.client.delete("/api/v1/keys/nonsense", headers=headers).status_code == 404
    assert house.get("/api/v1/keys?project=theirs", house.theirs).status_code == 403
    assert house.post("/api/v1/keys", house.theirs, json={"name": "k", "project": "ours"}).status_code == 403
    made = _make_key(house, house.ours, project="theirs")
    assert (made["key"]["project"], made["key"]["user"]) == ("theirs", None)
    assert len(house.get("/api/v1/keys?project=theirs").json["items"]) == 2
    assert house.client.delete(f"/api/v1/keys/{theirs}", headers=house.ours.headers).status_code == 204
    assert house.get("/api/v1/whoami", house.theirs).status_code == 401
