"""The door: what a request may say, what every refusal says, and what comes out as renders."""

from collections.abc import Callable
from itertools import count
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.catalog import Catalog, load_catalog
from farm.errors import InvalidRequest, UnknownFamily, UnknownModel, problem
from farm.params import (
    MAX_SEED,
    JobRequest,
    Resolved,
    batch_key,
    check_request,
    parameters_schema,
    parse_parameters,
    parse_request,
    resolve,
    shape_of,
)
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})


def body(model: str = "sana-demo", **fields: Any) -> dict[str, Any]:
    """The JSON of a small job."""
    return {"model": model, "prompt": "a red circle", **fields}


def renders_of(max_renders: int = 100, draw_seed: Callable[[], int] = lambda: 7, **fields: Any) -> Resolved:
    """What a body becomes."""
    request = JobRequest.model_validate(body(**fields))
    return resolve(request, CATALOG.model(request.model), max_renders=max_renders, draw_seed=draw_seed)


def faults_of(document: object, max_renders: int = 100, catalog: Catalog = CATALOG) -> dict[str, str]:
    """Every fault of a body: pointer → message."""
    with pytest.raises(InvalidRequest) as refused:
        check_request(document, catalog, max_renders=max_renders)
    return {fault.field: fault.message for fault in refused.value.faults}


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
        "guidance_scale": 5.0,
        "sampler": "unipc",
        "flow_shift": 5.0,
        "max_sequence_length": 512,
        "deterministic": False,
    }
    assert shape_of(render, entry).frames == 9


@pytest.mark.parametrize("name", sorted(CATALOG.models))
def test_every_model_renders_its_defaults_and_every_size_it_offers_without_a_notice(name: str) -> None:
    entry = CATALOG.model(name)
    for width, height in entry.sizes:
        resolved = renders_of(model=name, width=width, height=height)
        assert resolved.notices == []
        shape = shape_of(resolved.renders[0], entry)
        assert (shape.width, shape.height) == (width, height)
    default = renders_of(model=name).renders[0]
    assert (default.width, default.height) == entry.sizes[0]


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


# What is refused, and what is said.

SAID = [
    # sizes
    (body(width=100, height=128), "/width", "must be a multiple of 32 for sana-demo; seen 100, take 96 or 128"),
    (body(width=1, height=128), "/width", "must be between 64 and 256 for sana-demo; seen 1"),
    (body(width=128, height=10**30), "/height", "must be between 64 and 256"),
    (body("wan-demo", width=72, height=64), "/width", "must be a multiple of 16 for wan-demo; seen 72, take 64 or 80"),
    (body("wan21-t2v-14b", width=1280, height=1280), "/width", "renders at most 921,600; for example 832x480"),
    (body("sana-1600m-1024px", width=2048, height=300), "/width", "longer than 4:1"),
    # frames
    (body("wan-demo", num_frames=12), "/num_frames", "must be 4k + 1 for wan-demo; seen 12, take 9 or 13"),
    (body("wan-demo", num_frames=10), "/num_frames", "seen 10, take 9 or 13"),
    (body("wan-demo", num_frames=16), "/num_frames", "seen 16, take 13 or 17"),
    (body("wan-demo", num_frames=0), "/num_frames", "must be between 1 and 17"),
    (body(num_frames=9), "/num_frames", "sana-demo makes pictures, not clips; leave it out"),
    (body("wan-demo", fps=1000), "/fps", "must be between 1 and 60"),
    # steps, guidance, shift
    (body("sprint-demo", num_inference_steps=5), "/num_inference_steps", "must be between 1 and 4 for sprint-demo"),
    (body(num_inference_steps=0), "/num_inference_steps", "must be between 1 and 50"),
    (body(guidance_scale=0.5), "/guidance_scale", "must be between 1 and 20 for sana-demo; seen 0.5"),
    (body(guidance_scale=float("nan")), "/guidance_scale", "must be a finite number; seen a number nan"),
    (body(guidance_scale=float("inf")), "/guidance_scale", "must be a finite number"),
    (body(flow_shift=0), "/flow_shift", "must be between 0.1 and 20"),
    (body("sprint-demo", flow_shift=3.0), "/flow_shift", "has no timestep shift; leave it out"),
    (
        body("sana-1600m-1024px", flow_shift=20.0, num_inference_steps=100),
        "/num_inference_steps",
        "take at most 53 steps, a smaller shift, or the sampler euler",
    ),
    # samplers
    (body(sampler="eular"), "/sampler", "'eular' is unknown; did you mean 'euler'? Known: euler, "),
    (body(sampler="euler_a"), "/sampler", "'euler_a' is made for another noise schedule"),
    (body(sampler="Euler A"), "/sampler", "'Euler A' is made for another noise schedule"),
    (body(sampler="ddpm"), "/sampler", "under flow matching it gives garbage or an error"),
    (body(sampler="lms"), "/sampler", "'lms' is made for"),
    (body(sampler="deis"), "/sampler", "leaves visible grain"),
    (body("wan-demo", sampler="dpm++-2m-sde"), "/sampler", "'dpm++-2m-sde' does not work with wan-demo"),
    (body("sprint-demo", sampler="euler"), "/sampler", "'euler' does not work with sprint-demo; did you mean 'scm'"),
    (body(sampler="x" * 10_000), "/sampler", "is unknown"),
    # prompts
    (body(prompt=""), "/prompt", "must not be empty; seen ''"),
    (body(prompt=" \n\t"), "/prompt", "must not be empty"),
    (body(prompt=[]), "/prompt", "must hold at least one prompt; seen an empty list"),
    (body(prompt=["a", ""]), "/prompt/1", "must not be empty"),
    (body(prompt="x" * 1_000_000), "/prompt", "must be at most 200 characters long; seen 1,000,000"),
    (body(prompt="a\0b"), "/prompt", "holds the NUL character at 1; remove it"),
    (body(prompt="a\x1b[31m"), "/prompt", "holds the control character U+001B at 1"),
    (body(negative_prompt="a\x85"), "/negative_prompt", "holds the control character U+0085 at 1"),
    (body(prompt=7), "/prompt", "must be a text or a list of texts; seen a number"),
    (body(prompt=["a", None]), "/prompt/1", "must be a text; seen null None"),
    (
        body("sprint-demo", negative_prompt="blue"),
        "/negative_prompt",
        "sprint-demo has no negative prompt: guidance is an input of the distilled model",
    ),
    (body(title="a\0"), "/title", "holds the NUL character at 1"),
    (body("wan-demo", complex_human_instruction=True), "/complex_human_instruction", "has no instruction"),
    # seeds and how many
    (body(seed=-1), "/seed", "must be greater than or equal to 0; seen -1"),
    (body(seed=MAX_SEED + 1), "/seed", "must be less than or equal to 9007199254740991"),
    (body(seeds=[1, -1]), "/seeds/1", "must be between 0 and 9007199254740991"),
    (body(seeds=[]), "/seeds", "must hold at least one seed"),
    (body(seeds=[1, "2"]), "/seeds/1", "must be a whole number; seen a text '2'"),
    (body(seed_count=0), "/seed_count", "must be greater than or equal to 1"),
    (body(seed_count=10**18), "/seed_count", "a job has at most 100 renders"),
    (body(seeds=[1] * 101), "/seeds", "a job has at most 100 renders; seen 101 seeds"),
    (body(prompt=["a"] * 51, seeds=[1, 2]), "/prompt", "51 prompts x 2 seeds are more than the 100 renders of a job"),
    (body(seed=1, seed_count=2), "/seed_count", "give one of seed, seeds and seed_count; seen seed and seed_count"),
    # types
    (body(width="128", height=128), "/width", "must be a whole number; seen a text '128'"),
    (body(num_inference_steps=True), "/num_inference_steps", "must be a whole number; seen true or false True"),
    (body(num_inference_steps=20.0), "/num_inference_steps", "must be a whole number; seen a number 20.0"),
    (body(guidance_scale=True), "/guidance_scale", "must be a number; seen true or false True"),
    (body(guidance_scale="4.5"), "/guidance_scale", "must be a number; seen a text '4.5'"),
    (body(deterministic="yes"), "/deterministic", "must be true or false"),
    (body(**{"class": "now"}), "/class", "must be 'urgent', 'normal' or 'bulk'; seen 'now'"),
    (body(guidance=3), "/guidance", "unknown field; did you mean 'guidance_scale'?"),
    (body(**{"a/b~c": 1}), "/a~1b~0c", "unknown field"),
    ({"model": "sana-demo"}, "/prompt", "is missing; every job needs it"),
    ({"prompt": "x"}, "/model", "is missing; every job needs it"),
    (body(model=5), "/model", "must be a text; seen a number 5"),
    (["model"], "", "the body must be a JSON object; seen a list"),
    (None, "", "the body must be a JSON object; seen null"),
]


@pytest.mark.parametrize(("document", "field", "said"), SAID, ids=lambda value: None)
def test_a_wrong_request_says_what_is_wrong_where_and_what_to_do(document: object, field: str, said: str) -> None:
    faults = faults_of(document)
    assert list(faults) == [field]
    assert said in faults[field]
    assert len(faults[field]) < 500  # whatever was sent


def test_all_faults_of_type_form_and_model_come_in_one_answer() -> None:
    document = body(
        "wan-demo",
        prompt=["", 3, "\ud800"],
        width="64",
        height=72,
        num_frames=12,
        sampler="euler_a",
        seeds=[-1],
        guidance_scale=0,
        foo=1,
    )
    assert set(faults_of(document)) == {"/prompt/1", "/width", "/num_frames", "/sampler", "/seeds/0"} | {
        "/guidance_scale",
        "/foo",
        "/height",
    }


def test_a_lone_surrogate_is_found_without_the_body_being_read_as_json() -> None:
    assert "lone surrogate" in faults_of(body(prompt="a\ud800"))["/prompt"]


def test_an_unknown_model_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UnknownModel) as unknown:
        check_request(body("sana-dmo"), CATALOG, max_renders=1)
    document = problem(unknown.value, "/api/v1/jobs")
    assert document["status"] == 422
    assert document["errors"][0]["pointer"] == "/model"
    assert "did you mean 'sana-demo'?" in document["errors"][0]["detail"]
    assert set(faults_of(body("sana-dmo", width="x"))) == {"/model", "/width"}


def test_ten_thousand_faults_are_answered_with_a_hundred_and_a_count() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body(prompt=[1] * 10_000))
    assert len(refused.value.faults) == 101
    assert refused.value.faults[-1].message == "and 9,900 more faults of this kind"


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
        request = check_request(document, CATALOG, max_renders=50)
    except InvalidRequest as invalid:
        refused = invalid
    else:
        refused = None
    if refused is not None:
        assert refused.faults
        for fault in refused.faults:
            assert fault.field == "" or fault.field[1:].split("/")[0] in document
            assert fault.message.isprintable()
        return
    entry = CATALOG.model(request.model)
    resolved = resolve(request, entry, max_renders=50, draw_seed=lambda: 7)
    assert 1 <= len(resolved.renders) <= 50
    given_fields = {name: value for name, value in document.items() if value is not None}
    jsonschema.Draft202012Validator(parameters_schema(entry)).validate(given_fields)
    for render in resolved.renders:
        stored = render.model_dump(mode="json")
        assert parse_parameters(stored) == render
        for name in stored.keys() & document.keys() - {"prompt"}:
            if document[name] is not None:
                assert stored[name] == document[name]


@pytest.mark.parametrize("name", sorted(CATALOG.models))
def test_the_schema_of_a_form_is_a_schema_and_its_defaults_fit_it(name: str) -> None:
    schema = parameters_schema(CATALOG.model(name))
    jsonschema.Draft202012Validator.check_schema(schema)
    defaults = {
        field: rule["default"] for field, rule in schema["properties"].items() if rule.get("default") is not None
    }
    jsonschema.Draft202012Validator(schema).validate({"model": name, "prompt": "x", **defaults})
    defaults.pop("seed_count")
    (render,) = renders_of(model=name, **defaults).renders
    assert render.model_dump() == renders_of(model=name).renders[0].model_dump()
