"""What request validation lets through no pipeline refuses or changes; what a pipeline would refuse or change never
gets in.

Requests are drawn by hypothesis; the pipelines are diffusers' own classes with tiny weights.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.image_processor import PixArtImageProcessor
from diffusers.pipelines.sana import pipeline_sana
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from farm.catalog import ModelEntry, load_catalog
from farm.errors import InvalidRequest
from farm.params import JobRequest, RenderParameters, parse_request, resolve, shape_of
from farm.params.request.base import InputRef
from farm.params.samplers import first_steps_collide
from farm.params.sizes import bin_table
from farm.settings import load_settings
from tests.workers import tiny_pipelines
from tests.workers.orders import call_pipeline, tiny_family
from tests.workers.pictures import picture_ref
from workers.denoising.samplers import build_sampler
from workers.families.base import Family
from workers.families.crop import crop

TABLES = {
    512: pipeline_sana.ASPECT_RATIO_512_BIN,
    1024: pipeline_sana.ASPECT_RATIO_1024_BIN,
    2048: pipeline_sana.ASPECT_RATIO_2048_BIN,
    4096: pipeline_sana.ASPECT_RATIO_4096_BIN,
}
CATALOG = load_catalog(load_settings(variables={}), variables={})
BINNED = [entry for entry in CATALOG.models.values() if entry.bins is not None]
#: The catalog's own limits; small pictures are drawn, so that many can be rendered.
LIMITS = {"width": (16, 96), "height": (16, 96), "max_pixels": 96 * 96, "frames": (1, 17), "prompt_chars": 40}


def _size(body: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": body["prompt"], "height": body["height"], "width": body["width"]}


#: What each pipeline's own check is given: Sprint's also looks at the timesteps.
CHECKED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "sana": _size,
    "sprint": lambda body: (
        _size(body)
        | {
            "num_inference_steps": body["num_inference_steps"],
            "timesteps": None,
            "max_timesteps": 1.5708,
            "intermediate_timesteps": 1.3 if body["num_inference_steps"] == 2 else None,
        }
    ),
    "wan": lambda body: _size(body) | {"negative_prompt": ""},
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors on shared cores: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def families() -> dict[str, Family]:
    """The tiny models under the limits that the catalog has for the real ones."""
    found = {}
    for name in ("sana", "sprint", "wan"):
        demo = CATALOG.model(f"{name}-demo")
        limits = demo.limits.model_dump() | LIMITS
        found[name] = tiny_family(
            name, limits=limits, samplers=demo.samplers, size_multiple=demo.size_multiple, max_sequence_length=300
        )
    return found


def legal(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that follow the rules of the documentation: request validation lets them through."""
    entry = CATALOG.model(f"{name}-demo")
    multiple = entry.size_multiple
    sides = st.integers(max(1, 16 // multiple), 64 // multiple).map(lambda count: count * multiple)
    texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "guidance_scale": st.floats(*entry.limits.guidance),
        "sampler": st.sampled_from(entry.samplers),
        "seed": st.integers(0, 2**64 - 1),
    }
    if name != "sprint":
        optional |= {"negative_prompt": texts, "flow_shift": st.floats(*entry.limits.flow_shift)}
    if name == "wan":
        optional["num_frames"] = st.integers(0, 2).map(lambda count: 4 * count + 1)
    else:
        optional["complex_human_instruction"] = st.booleans()
    body = st.fixed_dictionaries(
        {
            "prompt": texts.filter(str.strip),
            "width": sides,
            "height": sides,
            "num_inference_steps": st.integers(1, min(3, entry.limits.steps[1])),
        },
        optional=optional,
    )
    return body.map(lambda values: {"model": f"tiny-{name}", **values})


def through_validation(body: dict[str, Any], entry: ModelEntry) -> RenderParameters | None:
    """The render that a body asks for, or None where request validation refuses it."""
    try:
        request = parse_request(body)
        return resolve(request, entry, max_renders=10, draw_seed=lambda: 7).renders[0]
    except InvalidRequest:
        return None


@contextmanager
def no_adjusting() -> Iterator[None]:
    """Fails where diffusers or transformers warns: that is how they say that they changed what was asked."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener = Listener(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    for logger in loggers:
        logger.addHandler(listener)
    diffusers.utils.logging.set_verbosity_warning()
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(listener)
    assert not said


@pytest.mark.parametrize("name", ["sana", "sprint", "wan"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_pipelines_render_what_request_validation_lets_through_as_it_was_asked(
    families: dict[str, Family], name: str, data: st.DataObject
) -> None:
    family = families[name]
    body = data.draw(legal(name))
    parameters = through_validation(body, family.entry)
    assert parameters is not None, body
    for asked, value in body.items():
        if asked != "model":
            assert getattr(parameters, asked) == value

    with no_adjusting():
        output = np.asarray(call_pipeline(family, parameters.model_dump(), "np"))

    shape = shape_of(parameters, family.entry)
    assert (shape.width, shape.height, shape.frames) == (
        body["width"],
        body["height"],
        body.get("num_frames", 5 if name == "wan" else 1),
    )
    expected = (shape.frames, shape.height, shape.width, 3)
    assert (output[0] if name == "wan" else output).shape == expected
    assert np.isfinite(output).all()


@pytest.mark.parametrize("name", ["sana", "sprint", "wan"])
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_request_validation_refuses_just_what_a_pipeline_would_refuse_or_change(
    families: dict[str, Family], name: str, data: st.DataObject
) -> None:
    family = families[name]
    sides = st.one_of(st.sampled_from([32, 48, 64, 96]), st.integers(16, 96))
    body = {
        "model": f"tiny-{name}",
        "prompt": "x",
        "width": data.draw(sides),
        "height": data.draw(sides),
        "num_inference_steps": data.draw(st.integers(1, family.entry.limits.steps[1])),
    }
    if name == "wan":
        body["num_frames"] = data.draw(st.integers(1, 17))
    assume(body["width"] * body["height"] <= family.entry.limits.max_pixels)

    try:
        family.pipeline.check_inputs(**CHECKED[name](body))
        objects = False
    except ValueError:
        objects = True
    if name == "wan":  # no check, only a warning and another number of frames
        packed = family.pipeline.vae_scale_factor_temporal
        objects = objects or body["num_frames"] // packed * packed + 1 != body["num_frames"]

    assert (through_validation(body, family.entry) is None) == objects


@pytest.mark.parametrize("sampler", ["dpm++-2m", "dpm++-2m-sde", "dpm++-singlestep", "unipc"])
def test_request_validation_knows_where_the_first_two_steps_of_a_sampler_collide(sampler: str) -> None:
    collisions = 0
    for steps in (2, 10, *range(48, 58), 75, 100):
        for shift in (0.1, 1.0, 8.0, 10.0, 10.99, 11.0, 14.0, 18.5, 19.0, 19.5, 20.0):
            scheduler = build_sampler(sampler, flow_shift=shift)
            scheduler.set_timesteps(steps)
            collides = bool(scheduler.timesteps[0] == scheduler.timesteps[1])
            assert first_steps_collide(sampler, steps, shift) == collides, (steps, shift)
            collisions += collides
    assert collisions > 10


@pytest.mark.parametrize("sampler", tiny_pipelines.SAMPLERS["sana"])
@settings(max_examples=30, deadline=None)
@given(steps=st.integers(1, 100), shift=st.floats(0.1, 20))
def test_no_sampler_runs_past_its_end_with_the_steps_and_shift_that_request_validation_lets_through(
    sampler: str, steps: int, shift: float
) -> None:
    entry = CATALOG.model("sana-600m-1024px")
    body = {"prompt": "x", "sampler": sampler, "num_inference_steps": steps, "flow_shift": shift}
    accepted = through_validation({"model": entry.name, **body}, entry) is not None
    scheduler = build_sampler(sampler, flow_shift=shift)
    scheduler.set_timesteps(steps)
    latents = torch.ones(1, 1, 1, 1)
    try:
        for timestep in scheduler.timesteps:  # as SanaPipeline does: it names no first step
            latents = scheduler.step(latents - 0.7, timestep, latents, return_dict=False)[0]
        ran = bool(torch.isfinite(latents).all())
    except (IndexError, AssertionError):
        ran = False
    assert accepted == ran


@pytest.mark.parametrize("bins", TABLES)
def test_the_tables_of_sizes_are_those_of_diffusers(bins: int) -> None:
    ours = {ratio: (shape.height, shape.width) for ratio, shape in bin_table(bins).items()}
    theirs = {float(ratio): (int(size[0]), int(size[1])) for ratio, size in TABLES[bins].items()}
    assert ours == theirs


@pytest.mark.parametrize("entry", BINNED, ids=lambda entry: entry.name)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_sizes_of_binned_models_are_rendered_and_cut_as_request_validation_says(
    entry: ModelEntry, data: st.DataObject
) -> None:
    assert entry.bins is not None
    width = data.draw(st.integers(*entry.limits.width))
    height = data.draw(st.integers(*entry.limits.height))
    body: dict[str, Any] = {"model": entry.name, "prompt": "x", "width": width, "height": height}
    if entry.family == "sana-controlnet":
        body["control_image"] = "picture-0"
    try:
        resolved = resolve(
            JobRequest.model_validate(body),
            entry,
            max_renders=1,
            draw_seed=lambda: 0,
            find_input=lambda _: InputRef.model_validate(picture_ref()),
        )
    except InvalidRequest:
        assume(False)
    rendered = shape_of(resolved.renders[0], entry)
    theirs = PixArtImageProcessor.classify_height_width_bin(height, width, ratios=TABLES[entry.bins])
    assert (rendered.height, rendered.width) == theirs
    picture = torch.empty(1, 3, rendered.height, rendered.width, device="meta")  # shapes only, no pixels
    assert tuple(crop(picture, width, height).shape) == (1, 3, height, width)
    # The answer says so exactly where another size is rendered than was asked for.
    assert bool(resolved.notices) == ((rendered.width, rendered.height) != (width, height))


@pytest.mark.parametrize(
    ("width", "height", "left"),
    [(640, 480, "640x1"), (896, 480, "896x1"), (960, 480, "1x1"), (480, 928, "1x928")],
)
def test_a_size_of_which_diffusers_would_leave_a_row_or_a_pixel_is_cropped_by_the_farm(
    width: int, height: int, left: str
) -> None:
    entry = CATALOG.model("sana-1600m-1024px")
    request = JobRequest(model=entry.name, prompt="x", width=width, height=height)
    resolved = resolve(request, entry, max_renders=1, draw_seed=lambda: 0)
    (notice,) = resolved.notices
    assert notice.endswith(f"by the farm itself: diffusers' own crop would leave {left} of it")
    rendered = shape_of(resolved.renders[0], entry)
    picture = torch.empty(1, 3, rendered.height, rendered.width, device="meta")
    theirs = PixArtImageProcessor.resize_and_crop_tensor(picture, width, height)
    assert f"{theirs.shape[3]}x{theirs.shape[2]}" == left
    assert tuple(crop(picture, width, height).shape) == (1, 3, height, width)


@pytest.mark.parametrize(("width", "height"), [(512, 512), (300, 200)])
def test_a_binned_pipeline_gives_the_size_that_was_asked_for(width: int, height: int) -> None:
    limits = CATALOG.model("sana-600m-512px").limits.model_dump()
    family = tiny_family(
        "sana",
        sample_size=16,
        bins=512,
        limits=limits,
        sizes=[(512, 512)],
        defaults={"width": 512, "height": 512, "num_inference_steps": 1, "guidance_scale": 1.0, "sampler": "euler"},
    )
    body = {"model": "tiny-sana", "prompt": "x", "width": width, "height": height}
    parameters = through_validation(body, family.entry)
    assert parameters is not None
    with no_adjusting():
        output = call_pipeline(family, parameters.model_dump(), "np")
    assert np.asarray(output).shape == (1, height, width, 3)


@pytest.mark.parametrize("name", ["sana", "sprint", "wan"])
def test_the_catalog_offers_no_sampler_that_the_workers_lack(name: str) -> None:
    offered = {sampler for entry in CATALOG.models.values() if entry.family == name for sampler in entry.samplers}
    assert offered == set(tiny_pipelines.SAMPLERS[name])
