"""Webhooks over HTTP: made, changed, tried, looked at, sent again, removed; refused where they may not go."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from standardwebhooks.webhooks import Webhook as Verifier

from scheduler.control.cancel import cancel_job
from scheduler.webhooks.deliver_webhooks import DeliverWebhooks
from scheduler.webhooks.subscriptions import MOST_WEBHOOKS
from tests.dashboard.conftest import House
from tests.scheduler.webhooks.receivers import receiving

HERE = ["127.0.0.0/8"]


def make(house: House, url: str, **more: Any) -> Any:
    return house.post("/api/v1/webhooks", json={"url": url, **more})


def deliver(house: House) -> None:
    duty = DeliverWebhooks()
    duty.one_pass(house.connections, house.connections.clock())
    duty.join()


def test_a_webhook_is_made_tried_told_of_a_job_and_told_again(make_house: Any) -> None:
    house: House = make_house(webhook_networks=HERE)
    with receiving() as receiver:
        made = make(house, receiver.url)
        assert made.status_code == 201
        webhook, secret = f"/api/v1/webhooks/{made.json['id']}", made.json["secret"]
        test = house.post(f"{webhook}/test")
        assert (test.status_code, test.json["state"]) == (202, "pending")
        job = house.submit(seed_count=2)
        cancel_job(house.connections, job["id"], house.ours.project_id)
        deliver(house)

        told = [Verifier(secret).verify(body, headers) for headers, body in receiver.requests]
        assert [event["type"] for event in told] == ["webhook.test", "job.cancelled"]
        assert told[1]["data"]["job"] | {"cancelled": 2, "url": job["links"]["self"]} == told[1]["data"]["job"]

        page = house.get(f"{webhook}/deliveries?limit=1").json
        [last] = page["items"]
        assert (last["state"], last["last_status"], json.loads(last["payload"])) == ("delivered", 204, told[1])
        rest = house.get(f"{webhook}/deliveries?cursor={page['next_cursor']}").json
        assert [item["id"] for item in rest["items"]] == [test.json["id"]]
        assert house.get(f"{webhook}/deliveries?state=failed").json["items"] == []

        again = house.post(f"{webhook}/deliveries/{last['id']}/replay")
        assert (again.status_code, again.json["state"]) == (202, "pending")
        deliver(house)
        assert receiver.requests[2][0]["webhook-id"] == receiver.requests[1][0]["webhook-id"] == last["event_id"]


def test_the_secret_is_shown_once(make_house: Any) -> None:
    house: House = make_house()
    made = make(house, "https://example.com/hook", event_types=["job.done"])
    webhook = f"/api/v1/webhooks/{made.json['id']}"
    house.post(f"{webhook}/test")
    looks = [house.get(path) for path in (webhook, "/api/v1/webhooks", f"{webhook}/deliveries")]
    looks.append(house.client.patch(webhook, headers=house.ours.headers, json={"enabled": False}))
    for look in looks:
        assert look.status_code == 200
        assert made.json["secret"].removeprefix("whsec_") not in look.get_data(as_text=True)
    assert house.get(webhook).json == {name: made.json[name] for name in made.json if name != "secret"} | {
        "enabled": False
    }
    assert house.post(f"{webhook}/test").status_code == 409
    assert house.client.delete(webhook, headers=house.ours.headers).status_code == 204
    assert house.get("/api/v1/webhooks").json["items"] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]:8080/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "http://example.com/",
        "https://user:tiger@example.com/",
        "https://example.com/#part",
        "https://",
        "https://example.com:0/",
        "https://example.com:99999/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com",
        "https://exa mple.com/",
        "https://example.com/\u0000",
        "https://xn--/",
        "https://" + "a" * 64 + ".com/",
        "https://example.com/" + "a" * 990,
        "",
        None,
        7,
    ],
)
def test_an_address_where_nothing_may_go_is_refused_with_its_place(house: House, url: Any) -> None:
    refused = make(house, url)
    assert refused.status_code == 422, refused.get_data(as_text=True)
    assert [fault["pointer"] for fault in refused.json["errors"]] == ["/url"]
    assert "tiger" not in refused.get_data(as_text=True)
    assert house.get("/api/v1/webhooks").json["items"] == []


@pytest.mark.parametrize(
    "body", [{"event_types": []}, {"event_types": ["job.exploded"]}, {"secret": "whsec_mine"}, {"enabled": "perhaps"}]
)
def test_what_is_no_change_is_refused(house: House, body: dict[str, Any]) -> None:
    webhook = make(house, "https://example.com/").json
    path = f"/api/v1/webhooks/{webhook['id']}"
    assert house.client.patch(path, headers=house.ours.headers, json=body).status_code == 422
    assert house.get("/api/v1/webhooks").json["items"] == [
        {name: value for name, value in webhook.items() if name != "secret"}
    ]


def test_a_name_of_any_script_is_kept_as_dns_has_it(house: House) -> None:
    assert make(house, "https://bücher.example/ä").json["url"] == "https://xn--bcher-kva.example/%C3%A4"


def test_a_project_has_a_bounded_number_of_webhooks(house: House) -> None:
    for _ in range(MOST_WEBHOOKS):
        assert make(house, "https://example.com/").status_code == 201
    refused = make(house, "https://example.com/")
    assert refused.status_code == 409
    assert "remove one" in refused.json["detail"]


def test_what_is_sent_is_what_the_openapi_document_says(make_house: Any) -> None:
    house: House = make_house(webhook_networks=HERE)
    document = house.client.get("/openapi.json").json
    with receiving() as receiver:
        webhook = make(house, receiver.url).json
        house.post(f"/api/v1/webhooks/{webhook['id']}/test")
        cancel_job(house.connections, house.submit()["id"])
        deliver(house)
    for headers, body in receiver.requests:
        told = json.loads(body)
        described = document["webhooks"][told["type"]]["post"]
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(told)
        assert {parameter["name"] for parameter in described["parameters"]} <= set(headers)
    assert {*document["components"]["schemas"]["EventType"]["enum"], "webhook.test"} == set(document["webhooks"])


def test_the_receiver_of_the_documentation_takes_an_event_once(
    make_house: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    house: House = make_house(webhook_networks=HERE)
    with receiving() as receiver:
        made = make(house, receiver.url, event_types=["job.cancelled"]).json
        cancel_job(house.connections, house.submit()["id"])
        deliver(house)
    monkeypatch.setenv("FARM_WEBHOOK_SECRET", made["secret"])
    names: dict[str, Any] = {}
    exec(example.replace("job.done", "job.cancelled"), names)

    [(headers, body)] = receiver.requests
    assert [names["receive"](headers, body) for _ in range(2)] == [204, 204]
    assert names["receive"](headers, body.replace(b"cancelled", b"done")) == 401
    assert capsys.readouterr().out.count("/api/v1/jobs/") == 1
