"""`speed: fast` at validation: offered where the model has a way, complete in what a render keeps."""

from pathlib import Path
from typing import Any

import pytest

from farm.catalog import Catalog, load_catalog
from farm.errors import InvalidRequest
from farm.manifest import summary_line
from farm.params import RenderParameters, Resolved, batch_key, check_and_resolve, parse_parameters
from farm.params.forms import parameters_schema
from farm.params.model_change_checks import ModelChangeChecks
from farm.settings import Settings
from tests.farm.catalog.test_catalog import load


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(Settings())


def resolved(catalog: Catalog, model: str = "sana-demo", **fields: Any) -> Resolved:
    body = {"model": model, "prompt": "a red circle", "seed": 1, **fields}
    return check_and_resolve(body, catalog, max_renders=10, draw_seed=lambda: 1)[1]


def render(catalog: Catalog, model: str = "sana-demo", **fields: Any) -> RenderParameters:
    return resolved(catalog, model, **fields).renders[0]


def test_a_fast_render_keeps_the_cache_that_the_catalog_has_and_says_so_in_its_file(catalog: Catalog) -> None:
    fast = render(catalog, speed="fast")
    assert fast.step_cache == catalog.model("sana-demo").step_cache
    assert parse_parameters(fast.document()) == fast
    assert "Step cache: first-block 0.15" in summary_line(fast.document(), "sana-demo")
    whole = render(catalog)
    assert (whole.speed, whole.step_cache) == ("quality", None)
    assert "Step cache" not in summary_line(whole.document(), "sana-demo")


def test_fast_renders_share_passes_only_with_those_of_the_same_course(catalog: Catalog) -> None:
    entry = catalog.model("sana-demo")
    courses: list[dict[str, Any]] = [
        {},
        {"speed": "fast"},
        {"speed": "fast", "num_inference_steps": 9},
        {"speed": "fast", "sampler": "euler"},
        {"speed": "fast", "guidance_scale": 1.0},
        {"speed": "fast", "flow_shift": 2.0},
    ]
    keys = [batch_key(render(catalog, **course), entry) for course in courses]
    assert len(set(keys)) == len(keys)
    others = [batch_key(render(catalog, speed="fast", **more), entry) for more in ({"prompt": "x"}, {"seed": 2})]
    assert set(others) == {keys[1]}


def test_one_job_may_ask_for_both_to_compare_them(catalog: Catalog) -> None:
    assert [found.speed for found in resolved(catalog, speed=["quality", "fast"]).renders] == ["quality", "fast"]


@pytest.mark.parametrize(
    ("model", "fields", "said"),
    [
        ("sprint-demo", {}, "no step cache"),
        ("sana-1600m-1024px-controlnet-hed", {"control_image": "x"}, "no step cache"),
        ("sana-demo", {"stop_at_step": 3}, "cannot stop for a draft"),
    ],
)
def test_where_there_is_no_fast_way_it_is_refused_with_the_reason(
    catalog: Catalog, model: str, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        resolved(catalog, model, speed="fast", **fields)
    assert said in next(fault.message for fault in wrong.value.faults if fault.field == "/speed")


def test_a_model_on_several_devices_is_not_fast(tmp_path: Path) -> None:
    split = load(tmp_path, "pools: {wan-demo-local: {sharding: {by: weights, devices: 2}}}")
    with pytest.raises(InvalidRequest, match="lies on several devices"):
        resolved(split, "wan-demo", speed="fast")
    assert "speed" not in parameters_schema(split.model("wan-demo"))["properties"]


def test_the_form_offers_it_where_it_is(catalog: Catalog) -> None:
    one, _many = parameters_schema(catalog.model("wan-demo"))["properties"]["speed"]["anyOf"]
    assert one["enum"] == ["quality", "fast", None]
    assert "speed" not in parameters_schema(catalog.model("sprint-demo"))["properties"]


def test_a_render_that_moves_to_another_model_takes_that_ones_cache_or_is_refused(
    catalog: Catalog, tmp_path: Path
) -> None:
    fast = render(catalog, speed="fast").document()
    moved = ModelChangeChecks(catalog.model("sana-600m-512px")).check({**fast, "width": 512, "height": 512})
    assert isinstance(moved, RenderParameters)
    assert moved.step_cache == catalog.model("sana-600m-512px").step_cache
    refused = ModelChangeChecks(load(tmp_path, "models: {sana-demo: {step_cache: null}}").model("sana-demo")).check(
        fast
    )
    assert isinstance(refused, list)
    assert any("no step cache" in fault.message for fault in refused)


@pytest.mark.parametrize(
    ("cache", "said"),
    [
        ("{kind: sea, threshold: 0.2}", "'sea' does not work with sana; allowed: first-block"),
        ("{kind: mag, threshold: 0.2}", "mag_ratios"),
        ("{kind: first-block, threshold: 0}", "threshold"),
        ("{kind: none, threshold: 0.1}", "kind"),
    ],
)
def test_a_cache_that_does_not_work_for_its_model_is_named_as_the_catalog_is_read(
    cache: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(Exception, match=said):
        load(tmp_path, f"models: {{sana-demo: {{step_cache: {cache}}}}}")
