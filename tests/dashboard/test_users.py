"""People: an ended session is void, whoever guesses is slowed down, and an admin is master of who comes in."""

import threading
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import select

from dashboard.http.sign_in_rate_limit import WINDOW_SECONDS, SignInThrottle
from dashboard.problems import TooManyTries
from farm import accounts
from farm.database import read
from farm.security import Role
from farm.tables import Session
from tests.benchmarks.own_valkey import own_valkey
from tests.dashboard.conftest import House, Tenant
from tests.dashboard.visiting import PAGE, sign_in, token_of


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("latent_farm")
    assert cookie is not None
    return cookie.value


def try_password(house: House, name: str, password: str, *, address: str = "192.0.2.7", **headers: str) -> Any:
    client = house.client
    token = token_of(client, "/sign-in")
    form = {"name": name, "password": password, "csrf_token": token}
    return client.post("/sign-in", data=form, headers={**PAGE, **headers}, environ_base={"REMOTE_ADDR": address})


def add_admin(house: House, name: str = "second") -> None:
    accounts.create_user(house.connections.engine, house.ours.project_id, name, Role.ADMIN)


class TestSessions:
    def test_a_copied_cookie_is_void_after_the_sign_out(self, house: House) -> None:
        visitor, thief, other = sign_in(house), house.client, sign_in(house)
        thief.set_cookie("latent_farm", cookie_of(visitor))
        assert thief.get("/jobs", headers=PAGE).status_code == 200

        token = token_of(visitor, "/jobs")
        assert visitor.post("/sign-out", data={"csrf_token": token}, headers=PAGE).status_code == 303

        assert thief.get("/jobs", headers=PAGE).status_code == 302
        assert other.get("/jobs", headers=PAGE).status_code == 200  # another browser of the same person

    def test_the_cookies_secret_is_not_in_the_database(self, house: House, visitor: FlaskClient) -> None:
        with visitor.session_transaction() as session:
            secret = session["_user_id"]
        with read(house.connections.engine) as connection:
            [row] = connection.execute(select(Session.__table__)).mappings()
        assert secret.startswith("lf_")
        assert secret not in map(str, row.values())

    def test_a_session_ends_by_itself(self, house: House, visitor: FlaskClient) -> None:
        clock = house.connections.clock
        house.connections.clock = lambda: clock() + accounts.SESSION_SECONDS + 1
        assert visitor.get("/jobs", headers=PAGE).status_code == 302


class TestDisabled:
    def test_sessions_keys_and_links_stop_at_once_and_come_back_where_they_may(self, house: House) -> None:
        engine, theirs = house.connections.engine, house.theirs
        visitor = sign_in(house, theirs)
        link = accounts.sign_in_link(engine, theirs.user_id, "http://localhost")
        assert house.get("/api/v1/jobs", theirs).status_code == 200

        assert change(house, theirs.user_name, disabled=True).json["disabled_at"] is not None

        assert visitor.get("/jobs", headers=PAGE).status_code == 302
        assert house.get("/api/v1/jobs", theirs).status_code == 401
        assert try_password(house, theirs.user_name, theirs.password).status_code == 401
        assert accounts.redeem(engine, link.rpartition("/")[2], house.connections.clock()) is None

        assert change(house, theirs.user_name, disabled=False).json["disabled_at"] is None
        assert house.get("/api/v1/jobs", theirs).status_code == 200
        assert visitor.get("/jobs", headers=PAGE).status_code == 302  # an ended session stays ended
        assert try_password(house, theirs.user_name, theirs.password).status_code == 303


def change(house: House, name: str, who: Tenant | None = None, **asked: Any) -> Any:
    return house.client.patch(f"/api/v1/users/{name}", json=asked, headers=(who or house.ours).headers)


class TestAdmins:
    def test_they_list_people(self, house: House) -> None:
        sign_in(house)
        listed = {user["name"]: user for user in house.get("/api/v1/users").json["items"]}
        assert listed["ours-user"].items() >= {"role": "admin", "project": "ours", "sessions": 1}.items()
        assert listed["theirs-user"].items() >= {"role": "artist", "sessions": 0, "disabled_at": None}.items()

    def test_nobody_else_may(self, house: House) -> None:
        name, theirs = house.theirs.user_name, house.theirs
        assert house.get("/api/v1/users", theirs).status_code == 403
        assert change(house, name, theirs, role="admin").status_code == 403
        assert house.client.delete(f"/api/v1/users/{name}", headers=theirs.headers).status_code == 403

    def test_a_role_counts_at_once(self, house: House) -> None:
        assert change(house, house.theirs.user_name, role="admin").status_code == 200
        assert house.get("/api/v1/users", house.theirs).status_code == 200

    def test_a_new_password_ends_all_sessions(self, house: House) -> None:
        visitor, name = sign_in(house, house.theirs), house.theirs.user_name
        answer = change(house, name, password="a quite new one")
        assert "a quite new one" not in answer.text
        assert visitor.get("/jobs", headers=PAGE).status_code == 302
        assert try_password(house, name, house.theirs.password).status_code == 401
        assert try_password(house, name, "a quite new one").status_code == 303

    def test_a_change_of_several_things_is_made_whole_or_not_at_all(self, house: House) -> None:
        name = house.ours.user_name  # the only admin: may not be demoted

        assert change(house, name, password="another one", role="artist").status_code == 409

        assert try_password(house, name, house.ours.password).status_code == 303, "it is still the old one"

    def test_sessions_are_ended(self, house: House) -> None:
        visitor = sign_in(house, house.theirs)
        assert change(house, house.theirs.user_name, end_sessions=True).json["sessions"] == 0
        assert visitor.get("/jobs", headers=PAGE).status_code == 302

    def test_a_removed_user_is_gone_and_the_jobs_stay(self, house: House) -> None:
        job, visitor = house.submit(house.theirs), sign_in(house, house.theirs)
        removed = house.client.delete(f"/api/v1/users/{house.theirs.user_name}", headers=house.ours.headers)
        assert removed.status_code == 204
        assert visitor.get("/jobs", headers=PAGE).status_code == 302
        assert house.get("/api/v1/jobs", house.theirs).status_code == 401
        key = accounts.create_key(house.connections.engine, house.theirs.project_id).secret
        kept = house.client.get(f"/api/v1/jobs/{job['id']}", headers={"Authorization": f"Bearer {key}"})
        assert kept.status_code == 200

    @pytest.mark.parametrize("asked", [{"disabled": True}, {"role": "artist"}, None])
    def test_the_last_one_stays(self, house: House, asked: dict[str, Any] | None) -> None:
        def act(name: str) -> int:
            path, headers = f"/api/v1/users/{name}", house.ours.headers
            found = house.client.patch(path, json=asked, headers=headers) if asked else None
            return (found or house.client.delete(path, headers=headers)).status_code

        assert act(house.ours.user_name) == 409
        assert house.get("/api/v1/users").status_code == 200
        add_admin(house)
        assert act("second") in (200, 204)
        assert act(house.ours.user_name) == 409

    @pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
    def test_two_cannot_shut_each_other_out(self, postgres_house: House) -> None:
        house, names = postgres_house, [postgres_house.ours.user_name, "second"]
        add_admin(house)
        refused: list[Exception] = []

        def disable(name: str) -> None:
            try:
                accounts.change_user(house.connections.engine, name, disabled=True)
            except Exception as error:
                refused.append(error)

        threads = [threading.Thread(target=disable, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        left = [user for user in accounts.list_users(house.connections.engine) if user.role == "admin"]
        assert len([user for user in left if user.disabled_at is None]) == 1
        assert len(refused) == 1

    @pytest.mark.parametrize("asked", [{"role": "king"}, {"password": ""}, {"roles": "artist"}, []])
    def test_what_cannot_be_is_refused(self, house: House, asked: Any) -> None:
        answer = house.client.patch(f"/api/v1/users/{house.theirs.user_name}", json=asked, headers=house.ours.headers)
        assert answer.status_code == 422
        assert change(house, "nobody", role="artist").status_code == 404


class TestGuessing:
    def test_one_name_is_tried_so_often_and_then_waits_as_long_as_it_is_told(self, make_house: Any) -> None:
        house = make_house(sign_in_tries_per_name=3)
        name = house.ours.user_name
        for number in range(3):
            assert try_password(house, name, "wrong", address=f"192.0.2.{number}").status_code == 401

        page = try_password(house, name, house.ours.password, address="198.51.100.1")
        assert page.status_code == 429
        assert 0 < int(page.headers["Retry-After"]) <= WINDOW_SECONDS
        assert "Too many tries" in page.text
        document = try_password(house, name, "wrong", Accept="application/problem+json")
        assert (document.status_code, document.json["type"]) == (429, "/problems/too-many-tries")
        assert try_password(house, house.theirs.user_name, house.theirs.password).status_code == 303

    def test_one_address_tries_so_often_whatever_the_names_are(self, make_house: Any) -> None:
        house = make_house(sign_in_tries_per_address=3)
        for number in range(3):
            assert try_password(house, f"name {number}", "x", address=f"2001:db8::{number}").status_code == 401
        assert try_password(house, "another", "x", address="2001:db8::ffff").status_code == 429
        assert try_password(house, "another", "x", address="2001:db9::1").status_code == 401

    def test_whoever_signs_in_is_not_held_up_by_mistypings_before(self, make_house: Any) -> None:
        house = make_house(sign_in_tries_per_name=2)
        for _ in range(3):
            assert try_password(house, house.ours.user_name, "wrong").status_code == 401
            assert try_password(house, house.ours.user_name, house.ours.password).status_code == 303

    @pytest.mark.parametrize(
        ("proxies", "seen"),
        [(0, [401, 429]), (1, [401, 401]), (2, [401, 429])],  # of two, the last but one: the same each time
    )
    def test_only_proxies_that_the_settings_name_say_who_sends(
        self, make_house: Any, proxies: int, seen: list[int]
    ) -> None:
        house = make_house(sign_in_tries_per_address=1, trusted_proxies=proxies)
        told = [
            try_password(house, f"name {number}", "x", **{"X-Forwarded-For": f"203.0.113.9, 192.0.2.{number}"})
            for number in range(2)
        ]
        assert [answer.status_code for answer in told] == seen

    def test_processes_count_together_in_redis_and_each_alone_while_it_is_away(self, tmp_path: Path) -> None:
        with own_valkey(tmp_path) as url:
            first, second = (SignInThrottle(url, 2, 100) for _ in range(2))
            first.try_once("ours", "192.0.2.1")
            second.try_once("ours", "192.0.2.1")
            with pytest.raises(TooManyTries):
                first.try_once("ours", "192.0.2.1")
            second.succeeded("ours")
            first.try_once("ours", "192.0.2.1")

        second.try_once("ours", "192.0.2.1")
        second.try_once("ours", "192.0.2.1")
        with pytest.raises(TooManyTries):
            second.try_once("ours", "192.0.2.1")

    def test_sign_in_works_with_redis_away(self, make_house: Any) -> None:
        house = make_house(redis_url=SecretStr("redis://127.0.0.1:9/0"), sign_in_tries_per_name=1)
        assert try_password(house, house.ours.user_name, "wrong").status_code == 401
        assert try_password(house, house.ours.user_name, "wrong").status_code == 429
        assert try_password(house, house.theirs.user_name, house.theirs.password).status_code == 303
