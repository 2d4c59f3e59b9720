"""Adapters typed into the submit form: what the API would get, what is wrong beside the field, and filled in again."""

import re

import pytest
from flask.testing import FlaskClient

from dashboard.web.form.adapters import read_adapters, write_adapters
from farm.catalog import load_catalog
from farm.params.forms import parameters_schema
from farm.settings import Settings
from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, typed


@pytest.mark.parametrize(
    ("text", "loras"),
    [
        ("ink-sketch", [{"name": "ink-sketch"}]),
        (
            " ink-sketch : 0.8 ,0198f2a4:-1\n",
            [{"name": "ink-sketch", "weight": 0.8}, {"name": "0198f2a4", "weight": -1}],
        ),
        (
            "a:0.5:low-noise, b:high-noise",
            [{"name": "a", "weight": 0.5, "expert": "low-noise"}, {"name": "b", "expert": "high-noise"}],
        ),
        ("ink-sketch:strong", [{"name": "ink-sketch", "weight": "strong"}]),
        (" , \n", []),
    ],
)
def test_what_is_typed_becomes_what_the_api_would_get(text: str, loras: list[dict[str, object]]) -> None:
    assert read_adapters(text) == loras


def test_what_a_render_has_is_typed_so_that_it_is_read_the_same() -> None:
    loras = [{"name": "ink-sketch", "weight": 0.8}, {"name": "0198f2a4", "weight": 0.8333333333}]
    loras.append({"name": "ink-sketch", "weight": 1, "expert": "high-noise"})
    assert read_adapters(write_adapters(loras)) == loras


def test_a_wrong_adapter_is_told_beside_its_field_and_the_text_stays(house: House, visitor: FlaskClient) -> None:
    form = typed(visitor, prompt="a circle", loras="nobody:0.5")
    answer = visitor.post("/submit", data=form, headers=PAGE)
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    faults = dict(re.findall(r'data-faults="(\w*)"[^>]*>(.*?)</ul>', page, flags=re.DOTALL))
    assert "has no adapter" in faults["loras"]
    assert 'value="nobody:0.5"' in page
    assert visitor.post("/submit", data=form | {"loras": ""}, headers=PAGE).status_code == 303
    assert house.get("/api/v1/jobs").json["items"][0]["request"].get("loras") is None


def test_the_schema_of_a_model_names_its_adapters_and_has_none_where_it_takes_none() -> None:
    entry = load_catalog(Settings()).model("sana-demo")
    assert parameters_schema(entry)["properties"]["loras"]["maxItems"] == 4
    assert "loras" not in parameters_schema(entry.model_copy(update={"without_adapters": "it cannot"}))["properties"]
