"""The axes of a job stand for its renders: where the grid puts a value, the render there has it."""

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from dashboard.grid.axes import axes_of, is_sweep, value_text
from dashboard.grid.layout import layout
from farm.catalog import Catalog
from farm.errors import InvalidRequest
from farm.params.request.job_request import JobRequest
from farm.params.resolve import Resolved, resolve

SWEEP: dict[str, Any] = {
    "prompt": "a {colour} {shape} in __place__",
    "variables": {"shape": ["circle", "star"], "colour": ["red", "green", "蓝色"]},
    "wildcards": {"place": ["a forest", "the sea"]},
    "guidance_scale": [1, 3.5],
    "sampler": ["euler", "dpm++-2m"],
    "seeds": [7, "8"],
}


def _made(catalog: Catalog, asked: dict[str, Any]) -> tuple[dict[str, Any], Resolved]:
    request = JobRequest.model_validate({"model": "sana-demo", **asked})
    resolved = resolve(request, catalog.model("sana-demo"), max_renders=10_000, draw_seed=iter(range(100)).__next__)
    return request.model_dump(mode="json", by_alias=True, exclude_none=True), resolved


def test_every_cell_holds_the_render_that_its_labels_name(catalog: Catalog) -> None:
    request, resolved = _made(catalog, SWEEP)
    axes = axes_of(request, len(resolved.renders))
    assert [axis.name for axis in axes] == ["{colour}", "{shape}", "guidance_scale", "sampler", "seed"]
    shown = layout(axes, MultiDict([("x", "guidance_scale"), ("y", "{colour}"), ("z", "seed"), ("at", "{shape}:1")]))
    assert (len(shown.columns), len(shown.rows)) == (2, 6)
    for number in shown.rows:
        row = shown.row(number)
        for column in shown.columns:
            render = resolved.renders[shown.index(row, column)]
            assert value_text(render.guidance_scale) == axes[2].labels[column]
            assert render.prompt.startswith(f"a {axes[0].labels[row.down]} star in ")
            assert (str(render.seed), render.sampler) == (axes[4].labels[row.deep], "euler")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"prompt": ["a", "b"], "seed_count": 3}, ["prompt", "seed"]),
        ({"prompt": "a", "seeds": [1, -1]}, ["seed"]),
        ({"prompt": "a {c}", "rows": [{"c": "red"}, {"c": "blue"}]}, ["prompt"]),
        ({"prompt": ["a {c}", "b"], "variables": {"c": ["red", "blue"]}}, ["prompt"]),
        ({"prompt": "a", "num_inference_steps": [2]}, []),
    ],
)
def test_axes_are_what_has_several_values(catalog: Catalog, asked: dict[str, Any], names: list[str]) -> None:
    request, resolved = _made(catalog, asked)
    axes = axes_of(request, len(resolved.renders))
    assert [axis.name for axis in axes] == names
    if "rows" in asked:
        assert axes[0].labels == ["a red", "a blue"]
    assert axes_of(request, len(resolved.renders) + 1) == []  # more came in a file
    assert axes_of({"nothing": 1}, 1) == []


def test_what_an_address_leaves_open_is_chosen_and_what_it_says_wrongly_is_refused(catalog: Catalog) -> None:
    request, resolved = _made(catalog, SWEEP)
    axes = axes_of(request, len(resolved.renders))
    chosen = layout(axes, MultiDict())
    assert [chosen.x.name, chosen.y and chosen.y.name, chosen.z and chosen.z.name] == [
        "{colour}",
        "{shape}",
        "guidance_scale",
    ]
    assert {axis.name: chosen.at[axis.name] for axis in chosen.rest} == {"sampler": 0, "seed": 0}
    only = MultiDict({name: value for name, value in chosen.only(axes[1], 1).items() if value is not None})
    assert "{shape}:1" in only.getlist("at")
    again = layout(axes, only)
    assert (again.x.name, again.y and again.y.name, again.z) == ("{colour}", "guidance_scale", None)
    for wrong in (
        {"x": "nothing"},
        {"x": "seed", "y": "seed"},
        {"at": "seed:2"},
        {"at": "seed"},
        {"row": "99"},
        {"column": "-1"},
    ):
        with pytest.raises(InvalidRequest):
            layout(axes, MultiDict(wrong))


def test_a_page_holds_a_part_of_a_grid_that_is_larger(catalog: Catalog) -> None:
    request, resolved = _made(
        catalog, {"prompt": "a", "guidance_scale": [1 + n / 10 for n in range(60)], "seed_count": 60}
    )
    axes = axes_of(request, len(resolved.renders))
    first = layout(axes, MultiDict())
    assert (first.columns, first.rows) == (range(50), range(50))
    last = layout(axes, MultiDict({"row": "50", "column": "50"}))
    assert (last.columns, last.rows) == (range(50, 60), range(50, 60))
    assert last.index(last.row(59), 59) == len(resolved.renders) - 1
    assert is_sweep(request)
    assert not is_sweep({"prompt": ["a", "b"], "seed_count": 4})
