"""What is typed under 'Sweep and templates' becomes lists, and what is wrong with it is told beside it."""

import re
from html import unescape
from typing import Any

from flask.testing import FlaskClient

from dashboard.web.form.pasted_prompts import take_pasted
from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, typed


def test_lists_typed_into_the_form_are_rendered_in_every_combination(house: House, visitor: FlaskClient) -> None:
    sweep = "guidance_scale = 1, 3.5\n\nsampler=euler,heun\n{colour} = red, blue\n__place__ = left, right\n"
    form = typed(visitor, prompt="a {colour} circle on the __place__", seeds="7", sweep=sweep)
    assert visitor.post("/submit", data=form, headers=PAGE).status_code == 303
    job = house.get("/api/v1/jobs").json["items"][0]
    assert job["total"] == 8
    assert job["request"]["guidance_scale"] == [1.0, 3.5]
    assert job["request"]["sampler"] == ["euler", "heun"]
    renders = house.get(f"/api/v1/jobs/{job['id']}/renders").json["items"]
    prompts = {render["parameters"]["prompt"] for render in renders}
    assert len(prompts) == 2
    page = visitor.get(f"/jobs/{job['id']}?view=list").get_data(as_text=True)
    assert "seed 7 · Guidance 3.5 · Sampler heun" in page
    assert all(re.fullmatch(r"a (red|blue) circle on the (left|right)", prompt) for prompt in prompts)


def test_what_is_wrong_with_a_list_stands_at_the_box_and_the_text_stays(visitor: FlaskClient) -> None:
    sweep = "steps = 4, 999\n{nobody} = x\nnonsense\nguidence = 1, 2\nseed = 7, x\nseeds = 8"
    answer = visitor.post("/submit", data=typed(visitor, prompt="a circle", sweep=sweep), headers=PAGE)
    assert answer.status_code == 422
    page = unescape(answer.get_data(as_text=True))
    lists = dict(re.findall(r'data-faults="(\w*)"[^>]*>(.*?)</ul>', page, flags=re.DOTALL))
    for words in (
        "steps, value 2: must be",
        "no prompt has the gap {nobody}",
        "line 3: 'nonsense' is no list; write such as guidance = 1, 3, 5",
        "line 4: 'guidence' is nothing that this model can vary; did you mean 'guidance'?",
        "seed, value 2: must be a whole number",
        "line 6: 'seeds' has a line already",
    ):
        assert words in lists["sweep"]
    assert not any(said.strip() for name, said in lists.items() if name != "sweep")
    assert "{nobody} = x" in page


def test_the_box_knows_the_words_of_the_form(house: House, visitor: FlaskClient) -> None:
    sweep = "Guidance = 1, 3.5\nsteps = 4, 8\nkeep out = fog, rain\nseed = 7, 18446744073709551615"
    assert (
        visitor.post(
            "/submit", data=typed(visitor, prompt="a circle", sweep=sweep, seed_count="3"), headers=PAGE
        ).status_code
        == 303
    )
    request = house.get("/api/v1/jobs").json["items"][0]["request"]
    assert (request["guidance_scale"], request["num_inference_steps"]) == ([1.0, 3.5], [4, 8])
    assert (request["negative_prompt"], request["seeds"]) == (["fog", "rain"], [7, 18446744073709551615])


def test_what_is_pasted_from_other_tools_is_taken_or_said_to_be_text(house: House, visitor: FlaskClient) -> None:
    # Given prompts as people write them elsewhere: a choice by chance is taken, the rest is said to be text
    prompt = "a {red|blue} (circle:1.3) in __place__"
    answer = visitor.post("/submit", data=typed(visitor, prompt=prompt, seeds="1, 2, 3, 4, 5, 6"), headers=PAGE)
    assert answer.status_code == 303
    job = house.get("/api/v1/jobs").json["items"][0]
    assert job["request"]["wildcards"] == {"choice1": ["red", "blue"]}
    prompts = {render["parameters"]["prompt"] for render in house.renders(job["id"])}
    assert prompts == {"a red (circle:1.3) in __place__", "a blue (circle:1.3) in __place__"}
    page = unescape(visitor.get(f"/jobs/{job['id']}").get_data(as_text=True))
    assert "'(circle:1.3)' is rendered as text: no model here knows weights in prompts" in page
    assert "'__place__' is rendered as text: nothing fills it" in page

    # The API takes nothing of it, and says so; what is no such syntax is passed over.
    pasted = ["a <lora:ink:0.8> circle", "{red|blue}", "plain (16:9) {colour} a_b"]
    answer = house.post("/api/v1/jobs", json={"model": "sana-demo", "prompt": pasted})
    notices = [notice for notice in answer.json["notices"] if notice.startswith("/")]
    assert [notice.partition(": ")[0] for notice in notices] == ["/prompt/0", "/prompt/1"]
    assert "`loras`, such as [{'name': 'ink', 'weight': 0.8}]" in notices[0]
    filled = {"prompt": "a __place__ (wide)", "wildcards": {"place": ["forest", "sea"]}}
    assert "as text" not in str(house.post("/api/v1/jobs", json={"model": "sana-demo", **filled}).json["notices"])


def test_lora_tags_in_the_prompts_are_adapters_of_the_job(visitor: FlaskClient) -> None:
    request: dict[str, Any] = {"prompt": ["a <lora:Ink:0.8> circle <lora:b>", "a star<lora:Ink:0.8><lora:b>"]}
    assert take_pasted(request, {"ink": "ink-sketch"}) == []
    assert request["prompt"] == ["a circle", "a star"]
    assert request["loras"] == [{"name": "ink-sketch", "weight": 0.8}, {"name": "b"}]
    [fault] = take_pasted({"prompt": ["a <lora:b:1>", "c"]}, {})
    assert (fault.field, "submit these lines apart" in fault.message) == ("/prompt/1", True)
    text = {"prompt": "a <lora:b:1> {0.5::x|y}"}
    assert (take_pasted(text, None), text) == ([], {"prompt": "a <lora:b:1> {0.5::x|y}"})
    # On the page what is wrong with a tag stands where adapters are named.
    answer = visitor.post("/submit", data=typed(visitor, prompt="a <lora:nobody:0.5> circle"), headers=PAGE)
    lists = dict(re.findall(r'data-faults="(\w*)"[^>]*>(.*?)</ul>', unescape(answer.text), flags=re.DOTALL))
    assert (answer.status_code, "has no adapter 'nobody'" in lists["loras"]) == (422, True)


def test_the_form_says_what_it_would_cost_and_submits_nothing(house: House, visitor: FlaskClient) -> None:
    form = typed(visitor, prompt="a {colour} circle", sweep="{colour} = red, blue", dry_run="1")
    answer = visitor.post("/submit", data=form, headers=PAGE)
    assert answer.status_code == 200
    page = answer.get_data(as_text=True)
    assert "2 renders" in page
    assert "GPU time" in page
    assert "{colour} = red, blue" in page
    assert house.get("/api/v1/jobs").json["items"] == []
