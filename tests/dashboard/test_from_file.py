"""Files dropped on the form fill it in with what they were made with."""

import io
import json
import re
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.dashboard.conftest import House
from tests.dashboard.translations.test_choice import CHINESE
from tests.dashboard.visiting import PAGE, token_of
from tests.farm.comfyui.sana_graph import SANA

PARAMETERS: dict[str, Any] = {
    "prompt": "a red circle",
    "negative_prompt": "fog",
    "seed": 2**64 - 1,
    "num_inference_steps": 12,
    "guidance_scale": 3.5,
    "sampler": "euler",
    "width": 160,
    "height": 128,
    "loras": [{"name": "ink", "weight": 0.8}, {"name": 7}, "x"],
    "image": {"id": 3},
    "reference_images": "no list",
    "step_cache": {"kind": "x"},
}


def picture(**texts: str) -> io.BytesIO:
    chunks, file = PngInfo(), io.BytesIO()
    for name, text in texts.items():
        chunks.add_itxt(name.replace("_", "-"), text)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=chunks)
    file.seek(0)
    return file


def drop(visitor: FlaskClient, file: io.BytesIO, model: str = "sana-demo", headers: Any = PAGE) -> tuple[int, str]:
    form = {"csrf_token": token_of(visitor, "/submit"), "model": model, "made": (file, "made.png")}
    answer = visitor.post("/submit/from-file", data=form, headers=headers, content_type="multipart/form-data")
    return answer.status_code, unescape(answer.get_data(as_text=True))


def field(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]* name="{name}"[^>]*? value="([^"]*)"', page, re.DOTALL)
    assert found, name
    return found[1]


def test_a_picture_of_this_farm_fills_in_all_it_was_made_with(visitor: FlaskClient) -> None:
    document = json.dumps({"model": {"name": "sana-demo"}, "parameters": PARAMETERS})
    status, page = drop(visitor, picture(latent_farm=document), model="wan-demo")
    assert status == 200
    assert "Filled in from made.png." in page
    assert re.search(r'<textarea id="prompt"[^>]*>a red circle</textarea>', page)
    assert (field(page, "negative_prompt"), field(page, "seeds")) == ("fog", str(2**64 - 1))
    assert (field(page, "num_inference_steps"), field(page, "guidance_scale")) == ("12", "3.5")
    assert field(page, "loras") == "ink:0.8"
    assert re.search(r'value="160x128" checked', page)
    assert '<option value="euler" selected>' in page


def test_a_text_of_a1111_is_taken_as_far_as_the_model_has_it_and_the_rest_is_told(visitor: FlaskClient) -> None:
    text = (
        "a fox\nNegative prompt: fog\nSteps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 5, Size: 192x128, "
        "Model: sd_xl, Clip skip: 2"
    )
    status, page = drop(visitor, picture(parameters=text))
    assert status == 200
    assert '<option value="dpm++-2m" selected>' in page
    assert (field(page, "num_inference_steps"), field(page, "seeds")) == ("30", "5")
    assert "It was made with sd_xl: Sana demo is chosen instead." in page
    assert "Not taken over: Clip skip." in page
    _, page = drop(visitor, picture(parameters=text.replace("DPM++ 2M Karras", "Euler a")))
    assert "Its sampler Euler a is none of this model: the usual one is chosen." in page


def test_a_graph_of_comfyui_is_translated_as_farm_submit_does(visitor: FlaskClient) -> None:
    status, page = drop(visitor, picture(prompt=json.dumps(SANA)))
    assert status == 200
    assert 'name="model" value="sana-1600m-1024px"' in page
    assert (field(page, "seeds"), field(page, "num_inference_steps")) == (str(2**64 - 1), "20")
    assert "an owl (big)" in page


def test_what_is_said_of_a_graph_is_in_the_language_of_the_page(visitor: FlaskClient) -> None:
    weighted = json.dumps(SANA).replace("an owl", "an (owl:1.2) {big|small}").replace('"normal"', '"simple"')
    _, page = drop(visitor, picture(prompt=weighted), headers=CHINESE)
    remarks = re.findall(r"<li>(node \S+ .*?：.*?)</li>", page)
    assert len(remarks) >= 2, page
    assert all(re.search(r"[\u4e00-\u9fff]{4}", remark.partition("：")[2]) for remark in remarks), remarks
    unknown = {"1": {"class_type": "Nonsense", "inputs": {}}}
    assert "工作流没有保存图片" in drop(visitor, picture(prompt=json.dumps(unknown)), headers=CHINESE)[1]


def test_what_cannot_be_taken_is_said_and_nothing_is_filled_in(house: House, visitor: FlaskClient) -> None:
    status, page = drop(visitor, picture(prompt='{"1": {"class_type": "Nonsense", "inputs": {}}}'))
    assert status == 422
    assert "made.png: " in page
    for broken in ("{", "[]", '{"model": 3}', '{"model": {"name": []}, "parameters": {}}'):
        status, page = drop(visitor, picture(latent_farm=broken))
        assert status in (200, 422), broken
    training = json.dumps({"model": {"name": "sana-demo"}, "parameters": {"training": {"rank": 4}}})
    assert drop(visitor, picture(latent_farm=training))[0] == 422
    status, page = drop(visitor, picture(), headers=CHINESE)
    assert status == 422
    assert "此文件没有写明它是如何生成的" in page
    form = {"csrf_token": token_of(visitor, "/submit"), "model": "sana-demo"}
    assert visitor.post("/submit/from-file", data=form, headers=PAGE).status_code == 422
    assert house.get("/api/v1/jobs").json["items"] == []


def test_who_comes_by_the_address_without_a_file_finds_the_form(visitor: FlaskClient) -> None:
    answer = visitor.get("/submit/from-file")
    assert (answer.status_code, answer.location) == (302, "/submit")
