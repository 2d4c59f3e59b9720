"""Streams over HTTP: rows go in as a body of any length, and a request that broke off is simply sent again."""

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from scheduler.maintenance import read_streams
from tests.dashboard.conftest import House
from tests.dashboard.serving import served
from tests.dashboard.visiting import sign_in
from tests.waiting import eventually


def rows(count: int, **fields: Any) -> bytes:
    return b"".join(json.dumps({"prompt": f"plate {row}", **fields}).encode() + b"\n" for row in range(count))


def send(house: House, data: bytes, key: str = "k", kind: str = "application/x-ndjson", **query: Any) -> Any:
    return house.post(
        "/api/v1/jobs/stream",
        data=data,
        query_string={"model": "sana-demo", **query},
        headers={"Idempotency-Key": key, "Content-Type": kind},
    )


def test_a_stream_becomes_a_job(house: House) -> None:
    made = send(house, rows(30), **{"class": "bulk", "num_inference_steps": "3", "title": "plates"})

    assert made.status_code == 201, made.text
    job = made.json["job"]
    assert (job["total"], job["status"], job["class"], job["title"]) == (30, "open", "bulk", "plates")
    assert {render["parameters"]["num_inference_steps"] for render in house.renders(job["id"])} == {3}
    assert made.json["intake"]["sealed"]
    assert made.headers["Location"] == job["links"]["self"]


def test_a_table_becomes_a_job(house: House) -> None:
    made = send(house, b"prompt,seed\na,1\nb,2\n", kind="text/csv; charset=utf-8")

    assert [render["parameters"]["seed"] for render in house.renders(made.json["job"]["id"])] == [1, 2]


def test_a_stream_may_be_larger_than_any_other_body(make_house: Any) -> None:
    house = make_house(max_body_bytes=2_000)

    assert send(house, rows(1_200)).json["job"]["total"] == 1_200


def test_the_same_stream_again_is_the_same_job(house: House) -> None:
    first, again = send(house, rows(5)), send(house, rows(5))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json["job"]["id"] == first.json["job"]["id"]


def test_parts_make_one_job_and_say_where_to_go_on(house: House) -> None:
    data = rows(20)
    begun = send(house, data[:300], more="true")
    assert begun.status_code == 202
    job_id, at = begun.json["job"]["id"], begun.json["intake"]["bytes"]
    assert begun.json["job"]["status"] == "admitting"
    assert house.get(f"/api/v1/jobs/{job_id}/intake").json == begun.json["intake"]

    ended = send(house, data[at:], offset=at, crc32=begun.json["intake"]["crc32"])

    assert ended.status_code == 201
    assert ended.json["job"]["total"] == 20


def test_a_job_of_which_no_row_is_in_has_its_id_for_a_name_and_no_forecast(house: House) -> None:
    begun = send(house, rows(20)[:10], more="true").json["job"]

    why = house.get(f"/api/v1/jobs/{begun['id']}/why").json
    assert (why["kind"], why["forecast"]) == ("admitting", None)
    visitor = sign_in(house)
    for page, name in (("/queue", "a"), ("/jobs", "p"), (f"/jobs/{begun['id']}", "h1")):
        text = visitor.get(page).get_data(as_text=True)
        assert f">{begun['id']}</{name}>" in text
        assert "Starts in" not in text


def test_a_stream_that_begins_in_the_middle_is_refused_and_makes_no_job(house: House) -> None:
    refused = send(house, rows(1), offset=99)

    assert (refused.status_code, "go on at byte 0" in refused.json["detail"]) == (409, True)
    assert house.get("/api/v1/jobs").json["items"] == []


def test_a_row_that_is_refused_is_told_with_its_line_and_where_to_go_on(house: House) -> None:
    data = rows(3) + b'{"prompt": "a", "width": "wide"}\n'
    refused = send(house, data)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/lines/4/width"
    assert (refused.json["next_line"], refused.json["next_byte"], refused.json["rows"]) == (4, len(rows(3)), 3)
    kept = house.get(f"/api/v1/jobs/{refused.json['job_id']}/intake").json
    assert kept["error"]["line"] == 4
    assert send(house, rows(4)).json["job"]["total"] == 4


def test_a_job_goes_on_with_the_corrected_file_by_its_id_alone(house: House) -> None:
    stopped = send(house, rows(3) + b'{"prompt": "a", "width": "wide"}\n').json["job_id"]

    def go_on(query: str, who: Any = house.ours, kind: str = "application/x-ndjson") -> Any:
        address = f"/api/v1/jobs/stream?job={stopped}{query}"
        return house.post(address, who, data=rows(4), content_type=kind)

    assert go_on("", house.theirs).status_code == 404
    assert go_on("&width=64").json["errors"][0]["pointer"] == "/query/width"
    assert go_on("", kind="text/csv").json["errors"][0]["pointer"] == "/header/Content-Type"
    done = go_on("")
    assert (done.status_code, done.json["job"]["id"], done.json["job"]["total"]) == (201, stopped, 4)
    assert done.json["intake"]["error"] is None


@pytest.mark.parametrize(
    ("query", "pointer"), [({"width": "wide"}, "/query/width"), ({"colour": "red"}, "/query/colour")]
)
def test_what_all_rows_share_is_looked_at_first(house: House, query: dict[str, str], pointer: str) -> None:
    refused = send(house, rows(1), **query)

    assert refused.status_code == 422
    assert pointer in {fault["pointer"] for fault in refused.json["errors"]}


def test_another_model_under_the_same_key_is_refused(house: House) -> None:
    send(house, rows(1))

    assert send(house, rows(1), model="wan-demo").status_code == 422


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "application/x-ndjson"}, 422),
        ({"Content-Type": "text/plain", "Idempotency-Key": "k"}, 415),
        ({"Content-Type": "application/json", "Idempotency-Key": "k"}, 422),
    ],
)
def test_a_request_without_key_or_with_another_kind_of_body_is_refused(
    house: House, headers: dict[str, str], status: int
) -> None:
    answer = house.post("/api/v1/jobs/stream?model=sana-demo", data=rows(1), headers=headers)

    assert answer.status_code == status


def test_a_job_of_one_piece_has_no_intake_and_others_see_none(house: House) -> None:
    job_id = send(house, rows(1)).json["job"]["id"]

    assert house.get(f"/api/v1/jobs/{house.submit()['id']}/intake").status_code == 404
    assert house.get(f"/api/v1/jobs/{job_id}/intake", house.theirs).status_code == 404


def test_a_cancelled_stream_takes_no_more_rows(house: House) -> None:
    begun = send(house, rows(3), more="true").json

    cancelled = house.post(f"/api/v1/jobs/{begun['job']['id']}/cancel").json

    assert cancelled["status"] == "cancelled"
    for again in (rows(4), rows(5)):
        refused = send(house, again)
        assert (refused.status_code, refused.json["type"]) == (409, "/problems/stream-ended")
        assert begun["job"]["id"] in refused.json["detail"]
    assert send(house, rows(4, seed=1)).status_code == 422


@pytest.mark.parametrize(
    "source",
    ["s3://latent-farm/projects/x", "s3://other/uploads/OURS/a.jsonl", "s3://latent-farm/uploads/THEIRS/a.jsonl", 7],
)
def test_only_objects_of_the_own_project_are_read(house: House, source: Any) -> None:
    if isinstance(source, str):
        source = source.replace("OURS", house.ours.project_id).replace("THEIRS", house.theirs.project_id)
    answer = house.post(
        "/api/v1/jobs/stream", json={"source": source, "model": "sana-demo"}, headers={"Idempotency-Key": "k"}
    )

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/source"


@pytest.mark.parametrize("name", ["../a.jsonl", "", "a/b.csv", "ü.csv"])
def test_an_upload_has_a_plain_name(house: House, name: str) -> None:
    assert house.post("/api/v1/uploads", json={"name": name}).status_code == 422


def test_an_uploaded_file_is_taken_in_by_the_supervisor(live_house: House) -> None:
    place = live_house.post("/api/v1/uploads", json={"name": "plates.jsonl"}).json
    put = httpx.put(place["url"], content=rows(40), headers={"Content-Type": place["content_type"]}, timeout=30)
    assert put.status_code == 200, put.text
    asked = {"source": place["source"], "model": "sana-demo"}
    begun = live_house.post("/api/v1/jobs/stream", json=asked, headers={"Idempotency-Key": "k"})
    assert begun.status_code == 202, begun.text

    farm = live_house.connections
    assert read_streams.one_pass(farm, farm.clock()) == 1

    ended = live_house.post("/api/v1/jobs/stream", json=asked, headers={"Idempotency-Key": "k"})
    assert (ended.status_code, ended.json["job"]["total"], ended.json["intake"]["sealed"]) == (200, 40, True)
    assert read_streams.one_pass(farm, farm.clock()) == 0


@pytest.mark.parametrize("chunked", [True, False])
def test_half_a_row_of_a_client_that_hung_up_is_no_row(house: House, tmp_path: Path, chunked: bool) -> None:
    # Given the real server, and a client whose last row would be a legal one if it were whole
    table = b"prompt\na red circle\na blue st"
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "500"}
    with served(house, tmp_path / "log") as (url, _):
        # When it hangs up
        broken = http.client.HTTPConnection(urlsplit(url).netloc)
        broken.putrequest("POST", "/api/v1/jobs/stream?model=sana-demo")
        headers = {**house.ours.headers, "Content-Type": "text/csv", "Idempotency-Key": "torn", **length}
        for name, value in headers.items():
            broken.putheader(name, value)
        broken.endheaders()
        broken.send(f"{len(table):x}\r\n".encode() + table + b"\r\n" if chunked else table)
        eventually(lambda: house.get("/api/v1/jobs").json["items"])
        broken.close()

        # Then the stream is not sealed, and goes on with the whole file
        whole = b"prompt\na red circle\na blue star\n"
        headers = {**house.ours.headers, "Content-Type": "text/csv", "Idempotency-Key": "torn"}
        made = httpx.post(f"{url}/api/v1/jobs/stream?model=sana-demo", content=whole, headers=headers, timeout=60)
    assert made.status_code == 201, made.text
    prompts = [render["parameters"]["prompt"] for render in house.renders(made.json()["job"]["id"])]
    assert prompts == ["a red circle", "a blue star"]
