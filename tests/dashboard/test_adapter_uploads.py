"""Adapters over HTTP and on the page of uploads: sent, named by a job, kept while they are needed."""

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

import pytest

from tests.dashboard.conftest import House
from tests.dashboard.test_inputs import png, submit_with, upload
from tests.dashboard.visiting import PAGE, sign_in, token_of, typed

FITTING = "transformer_blocks.0.attn1.to_q"  # a layer of sana-demo and of sprint-demo


def lora(rank: int = 2, *, up: str = "lora_B", layers: Sequence[str] = (FITTING,)) -> bytes:
    """A LoRA of these layers, all zeros."""
    header, end = {}, 0
    for layer in layers:
        for name, shape in (("lora_A", [rank, 96]), (up, [96, rank])):
            size = shape[0] * shape[1] * 4
            header[f"transformer.{layer}.{name}.weight"] = {
                "dtype": "F32", "shape": shape, "data_offsets": [end, end + size],
            }  # fmt: skip
            end += size
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + bytes(end)


def submit_lora(house: House, name: str, *, allow_partial: bool | None = None, **more: Any) -> Any:
    asked: dict[str, Any] = {"model": "sana-demo", "prompt": "a red circle", "loras": [{"name": name, **more}]}
    return house.post("/api/v1/jobs", json=asked if allow_partial is None else asked | {"allow_partial": allow_partial})


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


def test_the_answer_says_which_families_and_models_it_fits_how_many_layers_and_with_what_rank(stored: House) -> None:
    adapter = upload(stored, lora(layers=[FITTING, "nowhere"]), "ink.safetensors").json["adapter"]
    assert (adapter["layers"], adapter["rank"], adapter["families"]) == (2, 2, ["sana", "sprint"])
    fits = {fit["model"]: fit["applied"] for fit in adapter["fits"]}
    assert fits == {"sana-demo": 1, "sana-pair-demo": 1, "sprint-demo": 1}
    assert "'transformer.nowhere.lora_A.weight': the model has no such layer" in adapter["fits"][0]["reason"]
    assert upload(stored, png()).json["adapter"] is None
    [listed] = [item for item in stored.get("/api/v1/inputs").json["items"] if item["adapter"]]
    assert listed["adapter"] == adapter
    page = sign_in(stored).get("/inputs").get_data(as_text=True)
    assert "rank 2, 2 layers; fits sana-demo in part (1 layer, not" in page


def test_what_fits_nothing_is_refused_at_validation_with_the_tensor_and_the_reason(stored: House) -> None:
    other = upload(stored, lora(layers=["blocks.0.attn1.to_q"]), "of-wan.safetensors").json
    assert {fit["model"] for fit in other["adapter"]["fits"]} == {"wan-demo"}
    refused = submit_lora(stored, other["id"], allow_partial=True)
    [fault] = refused.json["errors"]
    assert (refused.status_code, fault["pointer"]) == (422, "/loras/0/name")
    assert "does not fit sana-demo" in fault["detail"]
    assert "'transformer.blocks.0.attn1.to_q.lora_A.weight': the model has no such layer" in fault["detail"]


def test_what_fits_in_part_is_rendered_only_if_the_submitter_says_so_and_the_share_is_kept(stored: House) -> None:
    name = upload(stored, lora(layers=[FITTING, "nowhere"]), "ink.safetensors").json["id"]
    refused = submit_lora(stored, name)
    assert refused.status_code == 422
    assert "takes 1 of the 2 layers" in refused.json["errors"][0]["detail"]
    assert "say allow_partial" in refused.json["errors"][0]["detail"]
    accepted = submit_lora(stored, name, allow_partial=True).json
    assert "takes 1 of the 2 layers" in accepted["notices"][0]
    [kept] = stored.renders(accepted["job"]["id"])[0]["parameters"]["loras"]
    assert (kept["partial"], kept["applied"], kept["layers"]) == (True, 1, 2)


def test_the_form_has_a_box_for_it(stored: House) -> None:
    name = upload(stored, lora(layers=[FITTING, "nowhere"]), "ink.safetensors").json["id"]
    visitor = sign_in(stored)
    form = typed(visitor, prompt="a circle", loras=f"{name}:1")
    refused = visitor.post("/submit", data=form, headers=PAGE)
    assert "say allow_partial" in refused.get_data(as_text=True)
    assert visitor.post("/submit", data=form | {"allow_partial": "on"}, headers=PAGE).status_code == 303


def test_the_page_takes_an_adapter_and_the_form_offers_it_as_one_and_not_as_a_picture(stored: House) -> None:
    visitor = sign_in(stored)
    form = {"csrf_token": token_of(visitor, "/inputs"), "picture": (io.BytesIO(lora()), "ink.safetensors")}
    assert visitor.post("/inputs", data=form).status_code == 303
    [item] = stored.get("/api/v1/inputs").json["items"]
    assert "ink.safetensors" in visitor.get("/inputs").get_data(as_text=True)
    page = visitor.get("/submit?model=sprint-demo").get_data(as_text=True)
    assert f'<option value="{item["id"]}"' not in page
    assert '<option value="ink:1">ink</option>' in page, "by the name of its file, which says more than its id"
