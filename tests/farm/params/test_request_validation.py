"""Request validation: what every refusal says, where, and what to do."""

from typing import Any

import pytest

from farm.catalog import Catalog, load_catalog
from farm.errors import InvalidRequest, UnknownModel
from farm.params import MAX_SEED, check_request, parse_request
from farm.params.pictures import FindInput, none_uploaded
from farm.params.request.base import InputRef
from farm.problems import problem
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})


def body(model: str = "sana-demo", **fields: Any) -> dict[str, Any]:
    """The JSON of a small job."""
    return {"model": model, "prompt": "a red circle", **fields}


def faults_of(
    document: object, max_renders: int = 100, catalog: Catalog = CATALOG, find_input: FindInput = none_uploaded
) -> dict[str, str]:
    """Every fault of a body: pointer → message."""
    with pytest.raises(InvalidRequest) as refused:
        check_request(document, catalog, max_renders=max_renders, find_input=find_input)
    return {fault.field: fault.message for fault in refused.value.faults}


SAID = [
    # sizes
    (body(width=100, height=128), "/width", "must be a multiple of 32 for sana-demo; seen 100, take 96 or 128"),
    (body(width=1, height=128), "/width", "must be between 64 and 256 for sana-demo; seen 1"),
    (body(width=128, height=10**30), "/height", "must be between 64 and 256"),
    (body("wan-demo", width=72, height=64), "/width", "must be a multiple of 16 for wan-demo; seen 72, take 64 or 80"),
    (body("wan21-t2v-14b", width=1280, height=1280), "/width", "renders at most 921,600; for example 832x480"),
    (body("sana-1600m-1024px", width=2048, height=300), "/width", "longer than 4:1"),
    # frames
    (
        body("wan-demo", num_frames=12),
        "/num_frames",
        "must be 1 more than a multiple of 4 for wan-demo; seen 12, take 9 or 13",
    ),
    (body("wan-demo", num_frames=10), "/num_frames", "seen 10, take 9 or 13"),
    (body("wan-demo", num_frames=16), "/num_frames", "seen 16, take 13 or 17"),
    (body("wan-demo", num_frames=0), "/num_frames", "must be between 1 and 17"),
    (body(num_frames=9), "/num_frames", "sana-demo makes pictures, not clips; leave it out"),
    (body("wan-demo", fps=1000), "/fps", "must be between 1 and 60"),
    # steps, guidance, shift
    (body("sprint-demo", num_inference_steps=5), "/num_inference_steps", "must be between 1 and 4 for sprint-demo"),
    (body(num_inference_steps=0), "/num_inference_steps", "must be between 1 and 50"),
    (body("wan-demo", guidance_scale_2=3.0), "/guidance_scale_2", "wan-demo has no second expert; leave it out"),
    (body("wan22-t2v-a14b", guidance_scale_2=0.5), "/guidance_scale_2", "must be between 1 and 20 for wan22-t2v-a14b"),
    (body("wan22-ti2v-5b", width=1280, height=720), "/height", "must be a multiple of 32 for wan22-ti2v-5b; seen 720"),
    (body("wan22-i2v-a14b"), "/image", "makes clips that begin with a picture; upload one and give its id"),
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
    (
        body("sana-video-2b-720p", num_frames=77),
        "/num_frames",
        "must be 1 more than a multiple of 8 for sana-video-2b-720p; seen 77, take 73 or",
    ),
    # samplers
    (body(sampler="eular"), "/sampler", "'eular' is unknown; did you mean 'euler'? Known: euler, "),
    (body(sampler="euler_a"), "/sampler", "'euler_a' is made for another noise schedule"),
    (body(sampler="Euler A"), "/sampler", "'Euler A' is made for another noise schedule"),
    (body(sampler="ddpm"), "/sampler", "under flow matching it gives garbage or an error"),
    (body(sampler="lms"), "/sampler", "'lms' is made for"),
    (body(sampler="deis"), "/sampler", "leaves visible grain"),
    (body(sampler="euler-ancestral"), "/sampler", "the nearest that works is 'dpm++-2m-sde'. Known: "),
    (body(sampler="K_LMS"), "/sampler", "the nearest that works is 'dpm++-2m'"),
    (body(sampler="scm"), "/sampler", "is for the distilled weights of SANA-Sprint and does not work with sana-demo"),
    (body("sprint-demo", sampler="euler"), "/sampler", "'euler' does not work with sprint-demo, whose distilled"),
    (body("sprint-demo", sampler="euler_a"), "/sampler", "the nearest that works is 'scm'. Known: scm"),
    # pictures
    (body(image="a"), "/image", "sana-demo takes no such picture; leave it out"),
    (body("wan-demo", image="a"), "/image", "wan-demo takes no such picture; leave it out"),
    (body("sprint-demo", control_image="a"), "/control_image", "sprint-demo takes no such picture; leave it out"),
    (body("sprint-demo", strength=0.5), "/strength", "there is no image; leave it out"),
    (body("sprint-demo", image="a"), "/image", "the project has no picture 'a'; upload it first"),
    (body("wan21-i2v-14b-480p"), "/image", "makes clips that begin with a picture; upload one and give its id"),
    (body("sana-1600m-1024px-controlnet-hed"), "/control_image", "follows a control picture; upload one and give its"),
    (body(controlnet_conditioning_scale=1.0), "/controlnet_conditioning_scale", "has no ControlNet; leave it out"),
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
    (
        body(seed=-2),
        "/seed",
        "must be between 0 and 18446744073709551615 (2^64 - 1), or -1 for one that the farm draws",
    ),
    (body(seed=MAX_SEED + 1), "/seed", "must be between 0 and 18446744073709551615"),
    (body(seed=7.0), "/seed", "must be a whole number, or its digits as a text; seen 7.0"),
    (body(seed="7.0"), "/seed", "must be a whole number, or its digits as a text; seen '7.0'"),
    (body(seeds=[1, str(MAX_SEED + 1)]), "/seeds/1", "must be between 0 and 18446744073709551615"),
    (body(seeds=[]), "/seeds", "must hold at least one seed"),
    (body(seeds=[1, "two"]), "/seeds/1", "must be a whole number, or its digits as a text; seen 'two'"),
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
        seeds=[-2],
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


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        (body("sprint-demo", image="a", strength=0.0), "/strength", "must be between 0.05 and 1 for sprint-demo"),
        (body("sprint-demo", image="a", num_inference_steps=0), "/num_inference_steps", "must be between 1 and 4"),
        (body("sana-video-2b-480p", image="a", num_frames=1), "/num_frames", "more frames than that one; seen 1"),
        (
            body("sana-video-2b-720p", image="a", num_frames=1),
            "/num_frames",
            "more frames than that one; seen 1, take 9",
        ),
        (body("wan22-ti2v-5b", image="a", num_frames=1), "/num_frames", "more frames than that one; seen 1"),
        (
            body("sana-1600m-1024px-controlnet-hed", control_image="a", controlnet_conditioning_scale=2.5),
            "/controlnet_conditioning_scale",
            "must be between 0 and 2",
        ),
    ],
)
def test_what_goes_with_a_picture_is_refused_as_well(document: dict[str, Any], field: str, message: str) -> None:
    found = faults_of(document, find_input=lambda name: InputRef(id=name, key=name, sha256="0" * 64))
    assert list(found) == [field]
    assert message in found[field]
