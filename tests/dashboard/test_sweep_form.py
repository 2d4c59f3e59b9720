"""What is typed under 'Sweep and templates' becomes lists, and what is wrong with it is told beside it."""

import re

from flask.testing import FlaskClient

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
    assert "seed 7 · guidance scale 3.5 · sampler heun" in page
    assert all(re.fullmatch(r"a (red|blue) circle on the (left|right)", prompt) for prompt in prompts)


def test_what_is_wrong_with_a_list_stands_beside_its_field_and_the_text_stays(visitor: FlaskClient) -> None:
    sweep = "num_inference_steps = 4, 999\n{nobody} = x\nnonsense"
    answer = visitor.post("/submit", data=typed(visitor, prompt="a circle", sweep=sweep), headers=PAGE)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    lists = dict(re.findall(r'data-faults="(\w*)"[^>]*>(.*?)</ul>', page, flags=re.DOTALL))
    assert "value 2" in lists["num_inference_steps"]
    assert "no prompt has the gap {nobody}" in lists["sweep"]
    assert "unknown field" in lists[""]
    assert "{nobody} = x" in page


def test_the_form_says_what_it_would_cost_and_submits_nothing(house: House, visitor: FlaskClient) -> None:
    form = typed(visitor, prompt="a {colour} circle", sweep="{colour} = red, blue", dry_run="1")
    answer = visitor.post("/submit", data=form, headers=PAGE)
    assert answer.status_code == 200
    page = answer.get_data(as_text=True)
    assert "2 renders" in page
    assert "GPU time" in page
    assert "{colour} = red, blue" in page
    assert house.get("/api/v1/jobs").json["items"] == []
