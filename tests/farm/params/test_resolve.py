"""Request validation: what comes out as renders, and whatever may be sent."""

from collections.abc import Callable
from itertools import count
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.catalog import load_catalog
from farm.errors import InvalidRequest, UnknownFamily
from farm.params import (
    MAX_SEED,
    JobRequest,
    Resolved,
    batch_key,
    check_request,
    parameters_schema,
    parse_parameters,
    resolve,
    shape_of,
)
from farm.params.request.base import CLIPS, PICTURES, ClipRef, InputRef
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})


def body(model: str = "sana-demo", **fields: Any) -> dict[str, Any]:
    """The JSON of a small job."""
    return {"model": model, "prompt": "a red circle", **fields}


def uploaded(name: str) -> InputRef:
    """A project that has every picture, and clips as long as a render by default."""
    if name == "a-clip":
        return ClipRef(id=name, key=f"inputs/{name}.mkv", sha256="0" * 64, frames=77, frame_rate=30.0)
    return InputRef(id=name, key=f"inputs/{name}", sha256="0" * 64)


def needed(model: str) -> dict[str, str]:
    """The pictures and clips without which a model renders nothing."""
    required = set(parameters_schema(CATALOG.model(model))["required"])
    return dict.fromkeys(required & set(PICTURES), "a-picture") | dict.fromkeys(required & set(CLIPS), "a-clip")


def renders_of(max_renders: int = 100, draw_seed: Callable[[], int] = lambda: 7, **fields: Any) -> Resolved:
    """What a body becomes."""
    request = JobRequest.model_validate(body(**fields))
    entry = CATALOG.model(request.model)
    return resolve(request, entry, max_renders=max_renders, draw_seed=draw_seed, find_input=uploaded)


# What comes out.


def test_what_is_left_out_takes_the_models_defaults_and_every_render_is_complete() -> None:
    (render,) = renders_of(model="wan-demo").renders
    entry = CATALOG.model("wan-demo")
    assert render.model_dump() == {
        "family": "wan",
        "prompt": "a red circle",
        "negative_prompt": "",
        "seed": 7,
        "width": 64,
        "height": 64,
        "num_frames": 9,
        "fps": 8,
        "num_inference_steps": 20,
        "guidance_scale": 2.0,
        "sampler": "unipc",
        "flow_shift": 5.0,
        "max_sequence_length": 512,
        "deterministic": False,
        "output_format": "mp4",
        "output_quality": 80,
        "keep_latents": False,
        "post_processors": [],
        "scorer": None,
        "keep_best": None,
        "best_of": None,
        "loras": (),
        "stop_at_step": None,
        "speed": "quality",
        "step_cache": None,
    }
    assert shape_of(render, entry).frames == 9


@pytest.mark.parametrize("name", sorted(CATALOG.models))
def test_every_model_renders_its_defaults_and_every_size_it_offers_without_a_notice(name: str) -> None:
    entry = CATALOG.model(name)
    for width, height in entry.sizes:
        resolved = renders_of(model=name, width=width, height=height, **needed(name))
        assert resolved.notices == []
        shape = shape_of(resolved.renders[0], entry)
        assert (shape.width, shape.height) == (width, height)
    default = renders_of(model=name, **needed(name)).renders[0]
    assert (default.width, default.height) == entry.sizes[0]


@pytest.mark.parametrize(
    ("steps", "strength", "advice"),
    [
        (1, 0.3, "take 2 steps or more"),
        (2, 0.6, "take 0.5 or less"),
        (3, 0.7, "take 0.66 or less"),
        (4, 1.0, "take 0.75"),
    ],
)
def test_a_strength_that_leaves_nothing_of_the_picture_is_told(steps: int, strength: float, advice: str) -> None:
    asked = {"model": "sprint-demo", "image": "a-picture", "num_inference_steps": steps}
    (notice,) = renders_of(strength=strength, **asked).notices
    assert notice.startswith("/strength: ")
    assert advice in notice
    if steps > 1:
        assert renders_of(strength=float(advice.split()[1]), **asked).notices == []


def test_renders_are_prompts_times_seeds_and_drawn_seeds_are_shared() -> None:
    drawn = count(100)
    renders = renders_of(prompt=["a", "b"], seed_count=3, draw_seed=lambda: next(drawn)).renders
    assert [(render.prompt, render.seed) for render in renders] == [
        ("a", 100),
        ("a", 101),
        ("a", 102),
        ("b", 100),
        ("b", 101),
        ("b", 102),
    ]
    assert [render.seed for render in renders_of(seeds=[3, MAX_SEED]).renders] == [3, MAX_SEED]
    assert [render.seed for render in renders_of(seed=0).renders] == [0]


@pytest.mark.parametrize("name", ["sana-demo", "sprint-demo", "wan-demo", "sana-1600m-1024px"])
def test_stored_parameters_are_read_back_as_they_were(name: str) -> None:
    (render,) = renders_of(model=name).renders
    assert parse_parameters(render.model_dump(mode="json")) == render


def test_parameters_of_a_family_that_is_not_installed_are_named() -> None:
    with pytest.raises(
        UnknownFamily, match="no installed package knows the parameters of 'sanna'; did you mean 'sana'"
    ):
        parse_parameters({"family": "sanna"})


def test_a_size_outside_the_bins_is_said_to_be_cropped() -> None:
    resolved = renders_of(model="sana-1600m-1024px", width=500, height=500)
    (notice,) = resolved.notices
    assert notice.startswith("500x500 is rendered at 1024x1024")
    assert notice.endswith("scaled and cropped to 500x500")
    entry = CATALOG.model("sana-1600m-1024px")
    assert str(shape_of(resolved.renders[0], entry)) == "1024x1024"


def test_what_will_have_no_effect_or_be_cut_off_is_said() -> None:
    assert "has no effect" in renders_of(negative_prompt="blue", guidance_scale=1.0).notices[0]
    assert renders_of(negative_prompt="blue", guidance_scale=2.0).notices == []
    (notice,) = renders_of(model="sana-1600m-1024px", prompt=["short", "long " * 300]).notices
    assert notice.startswith("/prompt/1: sana-1600m-1024px reads the first 300 tokens")


def test_renders_share_a_batch_key_exactly_when_they_can_share_passes() -> None:
    entry = CATALOG.model("sana-1600m-1024px")

    def key(**fields: Any) -> str:
        return batch_key(renders_of(model=entry.name, **fields).renders[0], entry)

    same = {key(), key(seed=1, prompt="b"), key(num_inference_steps=5, guidance_scale=1.0), key(sampler="euler")}
    same |= {key(width=500, height=500), key(width=1000, height=1000), key(negative_prompt="x", flow_shift=2.0)}
    assert len(same) == 1
    other = key(width=1344, height=768)
    assert other not in same
    alone = {key(deterministic=True), key(deterministic=True, seed=1), key(deterministic=True, prompt="b")}
    assert len(alone) == 3
    assert not alone & (same | {other})
    elsewhere = CATALOG.model("sana-1600m-1024px-fp16")
    assert batch_key(renders_of(model=elsewhere.name).renders[0], elsewhere) not in same


# Whatever is sent.

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [field.alias or name for name, field in JobRequest.model_fields.items()]
NEARLY = st.one_of(
    ANYTHING,
    st.integers(-1, 300),
    st.floats(0, 25),
    st.sampled_from(["sana-demo", "sprint-demo", "wan-demo", "sana-1600m-2kpx", "euler", "unipc", "scm", "bulk"]),
    st.lists(st.integers(-1, 9), max_size=3),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    fields=st.dictionaries(st.sampled_from(FIELDS), NEARLY, max_size=6),
    model=st.sampled_from(sorted(CATALOG.models)),
)
def test_whatever_is_sent_is_refused_with_a_place_or_rendered_just_as_it_was_asked(
    fields: dict[str, Any], model: str
) -> None:
    document = {"model": model, "prompt": "x", **fields}
    try:
        request = check_request(document, CATALOG, max_renders=50, find_input=uploaded)
    except InvalidRequest as invalid:
        refused = invalid
    else:
        refused = None
    if refused is not None:
        assert refused.faults
        for fault in refused.faults:
            assert fault.field == "" or fault.field[1:].split("/")[0] in {**document, **needed(model)}
            assert fault.message.isprintable()
        return
    entry = CATALOG.model(request.model)
    resolved = resolve(request, entry, max_renders=50, draw_seed=lambda: 7, find_input=uploaded)
    assert 1 <= len(resolved.renders) <= 50
    given_fields = {name: value for name, value in document.items() if value is not None}
    jsonschema.Draft202012Validator(parameters_schema(entry)).validate(given_fields)
    without_effect = {told.partition(":")[0].split("/")[1] for told in resolved.notices if "has no effect" in told}
    for render in resolved.renders:
        stored = render.model_dump(mode="json")
        assert parse_parameters(stored) == render
        for name in stored.keys() & document.keys() - {"prompt", *without_effect}:
            if document[name] is not None and name not in (*PICTURES, "loras"):
                asked = document[name]
                # A list is a sweep of values, or the value itself where that is a list.
                assert stored[name] == asked or (isinstance(asked, list) and stored[name] in asked)


@pytest.mark.parametrize(
    ("asked", "scales"),
    [
        ({}, (4.0, 3.0)),  # the model's own
        ({"guidance_scale": 5.5}, (5.5, 5.5)),  # as the pipeline has it
        ({"guidance_scale_2": 2.0}, (4.0, 2.0)),
        ({"guidance_scale": 5.5, "guidance_scale_2": 2.0}, (5.5, 2.0)),
    ],
)
def test_the_second_experts_guidance_is_as_asked_or_as_the_first_or_the_models(
    asked: dict[str, Any], scales: tuple[float, float]
) -> None:
    (render,) = renders_of(model="wan22-t2v-a14b", prompt="x", **asked).renders
    assert (render.guidance_scale, render.document()["guidance_scale_2"]) == scales


def test_a_second_guidance_that_has_no_effect_without_a_first_is_said() -> None:
    notices = renders_of(model="wan22-t2v-a14b", prompt="x", guidance_scale=1.0, guidance_scale_2=4.0).notices
    assert notices == ["/guidance_scale_2: has no effect at guidance_scale 1; take more than 1 there"]


@pytest.mark.parametrize("name", sorted(CATALOG.models))
def test_the_schema_of_a_form_is_a_schema_and_its_defaults_fit_it(name: str) -> None:
    schema = parameters_schema(CATALOG.model(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    defaults = {
        field: rule["default"] for field, rule in schema["properties"].items() if rule.get("default") is not None
    }
    defaults |= needed(name)
    jsonschema.Draft202012Validator(schema).validate({"model": name, "prompt": "x", **defaults})
    defaults.pop("seed_count")
    (render,) = renders_of(model=name, **defaults).renders
    assert render.model_dump() == renders_of(model=name, **needed(name)).renders[0].model_dump()
