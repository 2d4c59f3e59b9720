"""A byte order mark, which editors put before a text, never becomes part of a prompt: another picture would come."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, typed

MARK = "\ufeff"


def prompts(house: House) -> list[str]:
    [job] = house.get("/api/v1/jobs").json["items"]
    return [render["parameters"]["prompt"] for render in house.renders(job["id"])]


@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": f"{MARK}a red circle"},
        {"prompt": [f"a {MARK}red circle"]},
        {"prompt": "a {colour} circle", "variables": {f"{MARK}colour": [f"{MARK}red"]}},
        {"prompt": "a __colour__ circle", "wildcards": {"colour": [f"{MARK}red"]}},
        {"prompt": "a {colour} circle", "rows": f"{MARK}colour;animal\r\n{MARK}red;cat\r\n"},
        {"prompt": "a {colour} circle", "rows": [{"colour": f"red{MARK}"}]},
    ],
)
def test_not_over_the_api(house: House, asked: dict[str, Any]) -> None:
    body = (MARK + json.dumps({"model": "sana-demo", **asked}, ensure_ascii=False)).encode()
    answer = house.post("/api/v1/jobs", data=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 201, answer.text
    assert prompts(house) == ["a red circle"]


def test_not_from_the_form(house: House, visitor: FlaskClient) -> None:
    form = typed(visitor, prompt=f"{MARK}a red circle\n{MARK}\n{MARK}a {{x}}", sweep=f"{MARK}{{x}} = {MARK}star")
    assert visitor.post("/submit", data=form, headers=PAGE).status_code == 303

    assert prompts(house) == ["a red circle", "a star"]


def test_the_answer_says_how_many_rows_were_read(house: House) -> None:
    table = 'prompt,seed\na 12" square,1\na 7" star,2\n'
    asked = {"model": "sana-demo", "prompt": "{prompt}", "rows": table}
    assert "/rows: the table has 2 rows" in house.post("/api/v1/jobs", json=asked).json["notices"]

    headers = {"Idempotency-Key": "k", "Content-Type": "text/csv"}
    sent = house.post("/api/v1/jobs/stream?model=sana-demo", data=table.encode(), headers=headers).json
    assert (sent["intake"]["rows"], sent["intake"]["renders"]) == (2, 2)
