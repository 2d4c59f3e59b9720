"""Adapters over HTTP and on the page of uploads: sent, named by a job, kept while they are needed."""

import io
import json
import struct
from typing import Any

import pytest

from tests.dashboard.conftest import House
from tests.dashboard.test_inputs import png, submit_with, upload
from tests.dashboard.visiting import sign_in, token_of


def lora(rank: int = 2, *, up: str = "lora_B") -> bytes:
    """A LoRA of one layer, all zeros."""
    header, end = {}, 0
    for name, shape in (("lora_A", [rank, 8]), (up, [8, rank])):
        size = shape[0] * shape[1] * 4
        header[f"transformer.layer.{name}.weight"] = {
            "dtype": "F32", "shape": shape, "data_offsets": [end, end + size],
        }  # fmt: skip
        end += size
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + bytes(end)


def submit_lora(house: House, name: str, **more: Any) -> Any:
    asked = {"model": "sana-demo", "prompt": "a red circle", "loras": [{"name": name, **more}]}
    return house.post("/api/v1/jobs", json=asked)


@pytest.fixture
def stored(live_house: House) -> House:
    """A house with an object storage."""
    return live_house


def test_an_adapter_stays_while_a_render_needs_it(stored: House) -> None:
    first = upload(stored, lora(), "ink.safetensors")
    assert (first.status_code, first.json["width"], first.json["name"]) == (201, None, "ink.safetensors")
    assert upload(stored, lora(), "other.safetensors").status_code == 200

    job = submit_lora(stored, first.json["id"], weight=0.5)
    assert job.status_code == 201
    [kept] = stored.renders(job.json["job"]["id"])[0]["parameters"]["loras"]
    assert (kept["weight"], kept["sha256"]) == (0.5, first.json["sha256"])
    address = f"/api/v1/inputs/{first.json['id']}"
    assert stored.client.delete(address, headers=stored.ours.headers).status_code == 409
    stored.post(f"/api/v1/jobs/{job.json['job']['id']}/cancel")
    assert stored.client.delete(address, headers=stored.ours.headers).status_code == 200


def test_a_picture_is_no_adapter_and_an_adapter_no_picture(stored: House) -> None:
    picture, adapter = upload(stored, png()).json["id"], upload(stored, lora(), "ink.safetensors").json["id"]
    wrong = submit_lora(stored, picture)
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/loras/0/name")
    wrong = submit_with(stored, adapter)
    assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, "/image")


def test_adapters_of_others_are_not_there(stored: House) -> None:
    theirs = upload(stored, lora(), "ink.safetensors", who=stored.theirs).json["id"]
    assert submit_lora(stored, theirs).status_code == 422


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"PK\x03\x04 a pickle", "ink.safetensors", "is no safetensors file"),
        (lora()[:-1], "ink.safetensors", "send it again"),
        (lora(up="magic"), "ink", "which is no part of a LoRA"),
        (lora(rank=600), "ink", "rank 600"),
        (b"PK\x03\x04 a pickle", "ink.ckpt", ".safetensors"),
    ],
)
def test_what_is_no_good_adapter_is_refused_with_the_reason(house: House, data: bytes, name: str, reason: str) -> None:
    answer = upload(house, data, name)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert reason in answer.json["errors"][0]["detail"]


def test_the_page_takes_an_adapter_and_the_form_offers_it_as_one_and_not_as_a_picture(stored: House) -> None:
    visitor = sign_in(stored)
    form = {"csrf_token": token_of(visitor, "/inputs"), "picture": (io.BytesIO(lora()), "ink.safetensors")}
    assert visitor.post("/inputs", data=form).status_code == 303
    [item] = stored.get("/api/v1/inputs").json["items"]
    assert "ink.safetensors" in visitor.get("/inputs").get_data(as_text=True)
    page = visitor.get("/submit?model=sprint-demo").get_data(as_text=True)
    assert f'<option value="{item["id"]}"' not in page
    assert f'<option value="{item["id"]}:1">ink.safetensors' in page
