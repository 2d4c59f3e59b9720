"""Sweeps and templates: lists of values, variables, tables and wildcards become exactly the renders meant."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.catalog import load_catalog
from farm.errors import InvalidRequest
from farm.params import RenderParameters, check_request, resolve
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})


def renders(prompt: str | list[str] = "a red circle", **fields: Any) -> list[RenderParameters]:
    """What a request to sana-demo becomes."""
    document = {"model": "sana-demo", "prompt": prompt, "seed": 7, **fields}
    if "seeds" in document or "seed_count" in document:
        del document["seed"]
    request = check_request(document, CATALOG, max_renders=200)
    return list(resolve(request, CATALOG.model("sana-demo"), max_renders=200, draw_seed=lambda: 7).renders)


def faults(prompt: str | list[str] = "a red circle", **fields: Any) -> dict[str, str]:
    """What is wrong with a request, by place."""
    with pytest.raises(InvalidRequest) as refused:
        renders(prompt, **fields)
    return {fault.field: fault.message for fault in refused.value.faults}


def test_every_combination_of_prompts_values_and_seeds_is_rendered_seeds_the_fastest() -> None:
    made = renders(["a", "b"], guidance_scale=[1.0, 3.0, 5.0], num_inference_steps=[2, 4], seeds=[1, 2])
    assert len(made) == 24
    seen = [(r.prompt, r.num_inference_steps, r.guidance_scale, r.seed) for r in made]
    assert seen[:4] == [("a", 2, 1.0, 1), ("a", 2, 1.0, 2), ("a", 2, 3.0, 1), ("a", 2, 3.0, 2)]
    assert len(set(seen)) == 24


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("width", [128, 160]),
        ("height", [128, 192]),
        ("sampler", ["euler", "dpm++-2m"]),
        ("flow_shift", [2.0, 3.0]),
        ("negative_prompt", ["", "blue"]),
        ("complex_human_instruction", [True, False]),
        ("deterministic", [False, True]),
    ],
)
def test_any_parameter_may_be_a_list(field: str, values: list[Any]) -> None:
    assert [getattr(render, field) for render in renders(**{field: values})] == values


def test_a_wrong_value_of_a_list_is_told_at_its_own_place_and_once() -> None:
    found = faults(guidance_scale=[1.0, 500.0], num_inference_steps=[4, 8, 0])
    assert found.keys() == {"/guidance_scale/1", "/num_inference_steps/2"}
    assert found["/num_inference_steps/2"] == "must be between 1 and 50 for sana-demo; seen 0"
    assert faults(num_inference_steps=[4, "8"]) == {"/num_inference_steps/1": "must be a whole number; seen a text '8'"}


def test_lists_that_hold_nothing_or_a_value_twice_are_refused() -> None:
    assert faults(guidance_scale=[]) == {"/guidance_scale": "must hold at least one value; seen an empty list"}
    assert faults(guidance_scale=[2.0, 2.0]).keys() == {"/guidance_scale/1"}


def test_variables_make_every_combination_of_the_gaps_a_prompt_has() -> None:
    made = renders(
        ["a {colour} {animal}", "only {colour}", "plain"],
        variables={"colour": ["red", "blue"], "animal": ["cat", "owl"]},
    )
    assert [render.prompt for render in made] == [
        "a red cat", "a red owl", "a blue cat", "a blue owl", "only red", "only blue", "plain",
    ]  # fmt: skip


def test_rows_fill_a_prompt_once_a_row_from_a_list_or_from_the_text_of_a_csv_file() -> None:
    rows = [{"colour": "red", "animal": "cat"}, {"colour": "blue, dark", "animal": "owl"}]
    table = '\ufeffcolour,animal\r\nred,cat\r\n"blue, dark",owl\r\n'
    wanted = ["a red cat at night", "a red cat at noon", "a blue, dark owl at night", "a blue, dark owl at noon"]
    for given_rows in (rows, table):
        made = renders("a {colour} {animal} at {time}", rows=given_rows, variables={"time": ["night", "noon"]})
        assert [render.prompt for render in made] == wanted


def test_double_braces_are_braces_in_templates_and_braces_are_text_without_them() -> None:
    assert renders("{{x}} {a}", variables={"a": ["1"]})[0].prompt == "{x} 1"
    assert renders("{x} {{y}}")[0].prompt == "{x} {{y}}"


def test_wildcards_are_drawn_from_the_seed_alike_in_every_prompt_and_differ_between_seeds() -> None:
    animals = ["cat", "owl", "fox", "hen", "bee"]
    seeds = list(range(40))
    once = renders(["a __animal__", "the __animal__ and __animal__"], wildcards={"animal": animals}, seeds=seeds)
    again = renders(["a __animal__", "the __animal__ and __animal__"], wildcards={"animal": animals}, seeds=seeds)
    assert once == again
    first = {render.seed: render.prompt for render in once[:40]}
    second = {render.seed: render.prompt for render in once[40:]}
    assert {prompt.removeprefix("a ") for prompt in first.values()} == set(animals)
    for seed in seeds:
        assert second[seed].startswith(f"the {first[seed].removeprefix('a ')} and ")
    assert any(len(set(prompt.removeprefix("the ").split(" and "))) == 2 for prompt in second.values())


@pytest.mark.parametrize(
    ("fields", "place", "part"),
    [
        ({"prompt": "a {colr}", "variables": {"colour": ["x"]}}, "/prompt", "fills {colr}; did you mean 'colour'"),
        ({"prompt": "a", "variables": {"colour": ["x"]}}, "/variables/colour", "no prompt has the gap {colour}"),
        ({"prompt": "a", "wildcards": {"b": ["x"]}}, "/wildcards/b", "no prompt has the gap __b__"),
        ({"prompt": "{a}", "variables": {"a": []}}, "/variables/a", "at least one"),
        ({"prompt": "{a}", "variables": {"a": [1]}}, "/variables/a/0", "must be a text"),
        ({"prompt": "{a}", "variables": {"a": ["x\x00"]}}, "/variables/a/0", "NUL"),
        ({"prompt": "{a}", "variables": {"a": ["x" * 300]}}, "/prompt", "at most 200 characters"),
        ({"prompt": "__a__", "wildcards": {"a": ["x", "y" * 300]}}, "/prompt", "at most 200 characters"),
        ({"prompt": "{a}", "rows": []}, "/rows", "at least one row"),
        ({"prompt": "{a}", "rows": "a"}, "/rows", "at least one row"),
        ({"prompt": "{a}", "rows": "a,a\n1,2"}, "/rows", "name each column once"),
        ({"prompt": "{a}", "rows": "a,b\n1"}, "/rows", "line 2: has 1 cell for 2 columns"),
        ({"prompt": "{a}", "rows": 'a\n"x'}, "/rows", "line 2: a quoted cell is not closed"),
        ({"prompt": "{a}", "rows": [{"a": "1"}, {"b": "1"}]}, "/rows/1", "other columns"),
        ({"prompt": "x", "rows": [{"a": "1"}]}, "/rows", "no prompt has a gap"),
        ({"prompt": "{a}", "rows": [{"a": "1"}], "variables": {"a": ["2"]}}, "/variables/a", "column of rows"),
        ({"prompt": "x", "rows": 5}, "/rows", "list of objects or the text of a CSV"),
        ({"prompt": "x", "variables": {"a b": ["1"]}}, "/variables/a b", "letters, digits"),
    ],
)  # fmt: skip
def test_what_cannot_be_filled_is_refused_at_its_place(fields: Mapping[str, Any], place: str, part: str) -> None:
    found = faults(**fields)
    assert place in found
    assert part in found[place]


def test_too_many_combinations_are_refused_before_any_is_made() -> None:
    names = [f"v{number}" for number in range(12)]
    prompt = " ".join(f"{{{name}}}" for name in names)
    found = faults(prompt, variables={name: ["1", "2", "3", "4"] for name in names}, guidance_scale=[1.0, 2.0])
    assert "16,777,216 prompts x 2 combinations of values x 1 seeds are more than the 200" in found["/prompt"]


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from("pqrs"), min_size=1, max_size=3), max_size=3),
    st.lists(st.text("{}_abc ", max_size=12), min_size=1, max_size=3),
)
def test_whatever_the_template_the_count_said_before_is_the_count_made(
    variables: dict[str, list[str]], prompts: list[str]
) -> None:
    try:
        made = renders(prompts, variables=variables)
    except InvalidRequest:
        return
    assert len(made) >= len(prompts)
    assert all(render.prompt.strip() for render in made)
