"""Which hosts are answered, and what browsers are told not to do."""

from typing import Any

import pytest

from dashboard.http.headers import hostname
from farm.errors import StorageDown
from tests.dashboard.conftest import House
from tests.waiting import eventually


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8420", "[::1]:8420", "LOCALHOST:1"])
def test_the_hosts_of_this_machine_are_answered(house: House, host: str) -> None:
    assert house.client.get("/sign-in", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["10.42.0.17:8420", "farm-dashboard.render.svc.cluster.local:8420", "[fd00::17]:80", ""]
)
def test_what_watches_the_processes_may_come_by_any_name(house: House, host: str) -> None:
    assert house.client.get("/healthz", headers={"Host": host}).status_code == 200
    # A part that a busy machine does not ask within its second is not ready, and is asked again.
    ready = eventually(
        lambda: (
            (found := house.client.get("/readyz?parts=database", headers={"Host": host})).status_code != 503 and found
        )
    )
    assert (ready.status_code, ready.json["parts"]["database"]["state"]) == (200, "ok")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "[::2]"])
def test_other_hosts_are_refused(house: House, host: str) -> None:
    answer = house.client.get("/sign-in", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.json["type"] == "/problems/unknown-host"


def test_the_public_url_is_an_allowed_host(make_house: Any) -> None:
    house = make_house(public_url="https://farm.example.org:8443")
    assert house.client.get("/sign-in", headers={"Host": "farm.example.org:8443"}).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/api/v1/jobs", "/nothing", "/openapi.json", "/docs"])
def test_every_answer_carries_the_security_headers(house: House, path: str) -> None:
    headers = house.client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.replace("style-src 'self' 'unsafe-inline'", "" if path == "/docs" else "x")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pictures_may_come_from_the_object_storage_alone(house: House) -> None:
    policy = house.client.get("/sign-in").headers["Content-Security-Policy"]
    assert "img-src 'self' data: http://127.0.0.1:9;" in policy


def test_a_dashboard_without_a_key_of_the_storage_starts_and_says_what_is_missing(
    make_house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    house = make_house(s3_endpoint_url=None, s3_access_key_id=None, s3_secret_access_key=None, s3_region="eu-central-1")
    page = house.client.get("/sign-in")
    assert page.status_code == 200
    assert "https://s3.eu-central-1.amazonaws.com;" in page.headers["Content-Security-Policy"]
    with pytest.raises(StorageDown, match="without a key"):
        house.connections.storage.link("a/b")


def test_pages_are_not_kept_but_static_files_are_under_an_address_that_follows_their_contents(house: House) -> None:
    page = house.client.get("/sign-in")
    assert page.headers["Cache-Control"] == "no-store"
    sheet = next(part for part in page.get_data(as_text=True).split('"') if part.endswith("farm.css"))
    with house.client.get(sheet) as answer:
        assert answer.status_code == 200
        assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_the_name_in_a_host_header() -> None:
    assert [hostname(host) for host in ("A.b:80", "[::1]:80", "[::1]", "a")] == ["a.b", "[::1]", "[::1]", "a"]
