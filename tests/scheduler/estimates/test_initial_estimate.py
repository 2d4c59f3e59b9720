"""Estimates: what a render is said to cost before it ran."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.catalog import Catalog, ModelEntry, load_catalog
from farm.params import JobRequest, RenderParameters, Shape, parameters_schema, resolve, shape_of
from farm.params.request.base import CLIPS, PICTURES, ClipRef, InputRef
from farm.settings import Settings
from scheduler.estimates.initial_estimate import forwards, gpu_seconds

CATALOG: Catalog = load_catalog(Settings())
MODELS = sorted(CATALOG.models)


def parameters(entry: ModelEntry, **fields: object) -> RenderParameters:
    """One render of the model, by its defaults but for `fields`; from some picture and clips where it needs them."""
    required = set(parameters_schema(entry)["required"])
    given = dict.fromkeys(required & set(PICTURES), "a-picture") | dict.fromkeys(required & set(CLIPS), "a-clip")
    body = {"model": entry.name, "prompt": "a red circle", "seed": 1} | given | fields
    request = JobRequest.model_validate(body)
    return resolve(request, entry, max_renders=1, draw_seed=lambda: 1, find_input=uploaded).renders[0]


def uploaded(name: str) -> InputRef:
    """A project that has every picture, and long clips."""
    if name == "a-clip":
        return ClipRef(id=name, key=f"inputs/{name}.mkv", sha256="0" * 64, frames=500, frame_rate=30.0)
    return InputRef(id=name, key=f"inputs/{name}", sha256="0" * 64)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_of_the_catalog_has_a_positive_estimate(name: str) -> None:
    entry = CATALOG.model(name)
    render = parameters(entry)
    assert gpu_seconds(entry, shape_of(render, entry), render) > 0


def test_the_formula_is_the_one_that_is_written_down() -> None:
    entry = CATALOG.model("sana-demo")
    render = parameters(entry, num_inference_steps=10, guidance_scale=4.5)

    estimate = gpu_seconds(entry, Shape(1000, 500, 1), render)

    assert estimate == pytest.approx(entry.seconds_per_step_megapixel * 0.5 * 10)


@given(st.integers(16, 4096), st.integers(16, 4096), st.integers(1, 121), st.integers(2, 9), st.sampled_from(MODELS))
def test_more_pixels_or_frames_cost_more_in_proportion(
    width: int, height: int, frames: int, times: int, name: str
) -> None:
    entry = CATALOG.model(name)
    render = parameters(entry)
    one = gpu_seconds(entry, Shape(width, height, frames), render)

    assert gpu_seconds(entry, Shape(width * times, height, frames), render) == pytest.approx(one * times)
    assert gpu_seconds(entry, Shape(width, height, frames * times), render) == pytest.approx(one * times)


def test_heun_pays_for_its_second_passes() -> None:
    entry = CATALOG.model("sana-demo")

    assert forwards(parameters(entry, sampler="heun", num_inference_steps=4)) == 7
    assert forwards(parameters(entry, sampler="euler", num_inference_steps=4)) == 4


def test_a_render_that_is_not_guided_pays_half_where_guidance_takes_a_second_row() -> None:
    sana, sprint = CATALOG.model("sana-demo"), CATALOG.model("sprint-demo")
    shape = Shape(64, 64, 1)

    def cost(entry: ModelEntry, scale: float) -> float:
        return gpu_seconds(entry, shape, parameters(entry, guidance_scale=scale))

    assert cost(sana, 1.0) * 2 == cost(sana, 5.0)
    assert cost(sprint, 1.0) == cost(sprint, 4.5)
