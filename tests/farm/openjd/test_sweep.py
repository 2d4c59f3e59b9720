"""Templates of OpenJD as jobs: products become lists, associations rows, and parameters fields by their names."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from openjd import model

from farm.openjd.parameters import field_of
from farm.openjd.sweep import Sweep, sweep_of
from farm.openjd.template import NotATemplate, OpenJdNotInstalled, read_template


def template(
    tasks: dict[str, tuple[str, Any]], combination: str | None = None, **parameters: tuple[str, str | None]
) -> str:
    """A template: task parameters as (type, range), job parameters as (type, default)."""
    space: dict[str, Any] = {
        "taskParameterDefinitions": [{"name": name, "type": kind, "range": of} for name, (kind, of) in tasks.items()]
    }
    step = {"name": "Render", "script": {"actions": {"onRun": {"command": "blender"}}}}
    defined = [
        {"name": name, "type": kind} | ({} if default is None else {"default": default})
        for name, (kind, default) in parameters.items()
    ]
    return yaml.safe_dump(
        {
            "specificationVersion": "jobtemplate-2023-09",
            "name": "shapes",
            "steps": [
                step
                | ({"parameterSpace": space | ({"combination": combination} if combination else {})} if tasks else {})
            ],
        }
        | ({"parameterDefinitions": defined} if defined else {})
    )


def sweep(text: str, **given: str) -> Sweep:
    return sweep_of(read_template(text, Path("/jobs"), given))


PROMPT = {"Prompt": ("STRING", "a {Colour} star"), "Model": ("STRING", "sana-demo")}


def test_a_product_is_lists_and_what_is_no_field_fills_the_prompt() -> None:
    found = sweep(
        template(
            {
                "Colour": ("STRING", ["red", "blue"]),
                "Seed": ("INT", "10-1:-3"),
                "GuidanceScale": ("FLOAT", [1.0, "3.5"]),
            },
            **PROMPT,
            Steps=("INT", "8"),
            BlenderPath=("STRING", "/opt/blender"),
        )
    )

    assert found == Sweep(
        {
            "prompt": "a {Colour} star",
            "model": "sana-demo",
            "num_inference_steps": 8,
            "variables": {"Colour": ["red", "blue"]},
            "seeds": [10, 7, 4, 1],
            "guidance_scale": [1.0, 3.5],
        }
    )


def test_an_association_is_rows_each_with_its_values() -> None:
    tasks = {"Colour": ("STRING", ["red", "blue"]), "Width": ("INT", [128, 160]), "Seed": ("INT", "1-2")}
    found = sweep(template(tasks, "(Colour, Width) * Seed", **PROMPT))

    assert found.rows is not None
    assert list(found.rows) == [
        {"variables": {"Colour": [colour]}, "width": width, "seed": seed}
        for colour, width in (("red", 128), ("blue", 160))
        for seed in (1, 2)
    ]


def test_a_job_parameter_fills_the_gap_of_every_row() -> None:
    tasks = {"Colour": ("STRING", ["red", "blue"]), "Seed": ("INT", "1-2")}
    text = template(tasks, "(Colour, Seed)", Prompt=("STRING", "a {Size} {Colour} star"), Size=("STRING", "big"))

    rows = sweep(text).rows

    assert rows is not None
    assert [row["variables"] for row in rows] == [{"Size": ["big"], "Colour": [colour]} for colour in ("red", "blue")]


def test_a_job_parameter_fills_the_gap_of_a_prompt_that_varies_with_the_rows() -> None:
    tasks = {"Prompt": ("STRING", ["a {Size} star", "a star"]), "Seed": ("INT", "1-2")}

    rows = sweep(template(tasks, "(Prompt, Seed)", Size=("STRING", "big"))).rows

    assert rows is not None
    assert [row.get("variables") for row in rows] == [{"Size": ["big"]}, None]


@pytest.mark.parametrize("combination", [None, "(Colour, Seed)"])
def test_a_job_parameter_fills_the_gap_of_a_prompt_that_was_typed(combination: str | None) -> None:
    tasks = {"Colour": ("STRING", ["red", "blue"]), "Seed": ("INT", "1-2")}
    read = read_template(template(tasks, combination, Size=("STRING", "big")), Path("/jobs"), {})

    found = sweep_of(read, ["a {Size} {Colour} star", "a {Colour} star"])

    for fields in [found.fields] if found.rows is None else found.rows:
        assert fields["variables"]["Size"] == ["big"]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=3))
def test_rows_and_lists_are_the_tasks_that_openjd_makes(lengths: list[int]) -> None:
    tasks = {
        name: ("INT", list(range(length))) for name, length in zip(("Seed", "Width", "Steps"), lengths, strict=False)
    }
    text = template(tasks, **PROMPT)
    read = model.decode_job_template(template=yaml.safe_load(text))
    values = model.preprocess_job_parameters(
        job_template=read, job_parameter_values={}, job_template_dir=Path("/"), current_working_dir=Path("/")
    )
    space = model.create_job(job_template=read, job_parameter_values=values).steps[0].parameterSpace
    theirs = {
        tuple(sorted((name, each.value) for name, each in task.items()))
        for task in model.StepParameterSpaceIterator(space=space)
    }

    fields = sweep(text).fields
    count = 1
    for name in tasks:
        known = field_of(name) or ""
        said = fields.get("seeds" if known == "seed" else known, fields.get(known))
        count *= len(said) if isinstance(said, list) else 1
    assert count == len(theirs)


def test_what_is_typed_fills_parameters_without_a_default() -> None:
    text = template({}, **PROMPT, Steps=("INT", None))

    assert sweep(text, num_inference_steps="4").fields["num_inference_steps"] == 4
    with pytest.raises(NotATemplate, match="Steps"):
        sweep(text)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openjd", None)

    with pytest.raises(OpenJdNotInstalled, match=r"latent-farm\[openjd\]"):
        sweep(template({}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1", "key-value"),
        ("a: [", "YAML"),
        ("specificationVersion: jobtemplate-2023-09", "steps"),
        (template({"Seed": ("INT", "1-5,3")}), "IntRangeExpr"),
        (template({"Title": ("STRING", ["a", "b"])}), "the same for all of one job"),
        (template({"Width": ("STRING", ["wide"])}), "'wide' is not a whole number"),
        (template({"Seed": ("INT", [1, 2])}, Seed=("INT", "3")), "leave one out"),
        (template({"Steps": ("INT", "1-2000000")}), "2,000,000 values"),
        (template({}).replace("name: Render", "name: Render\n  dependencies: [{dependsOn: x}]"), "x"),
    ],
)
def test_what_cannot_be_a_job_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(NotATemplate, match=words):
        sweep(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 100_000,
        "{" * 100_000,
        "- " * 100_000,
        "a: &a [x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{f'*{chr(97 + n)},' * 10}]\n" for n in range(20)),
        "name: " + "9" * 5_000,
        "? [a]\n: b",
        "\x00",
        "a: !!python/object/apply:os.system [echo]",
        template({}).replace("steps:\n- ", "steps: &all\n- *all\n- "),
    ],
    ids=["lists", "mappings", "dashes", "aliases", "digits", "key", "NUL", "tag", "a list in itself"],
)
def test_what_is_built_to_break_a_reader_is_refused_in_words(text: str) -> None:
    with pytest.raises(NotATemplate) as refused:
        sweep(text)
    assert len(str(refused.value)) < 10_000
