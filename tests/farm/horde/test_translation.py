"""What becomes of a Horde's job, as pure functions: everything is taken over, told, or refused with the reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from farm.client.replies import Model, Pool, Render, ScaleChange, Scaling
from farm.client.requests.request_body import request_body
from farm.errors import InvalidRequest
from farm.horde.backoff import LONGEST_AWAY, LONGEST_IDLE, away_pause, idle_pause
from farm.horde.offers import most_pixels, read_offers, served
from farm.horde.outcomes import reports
from farm.horde.protocol import Popped, State
from farm.horde.rendering import render_seconds
from farm.horde.translation import SAMPLERS, CannotRender, translate
from farm.params.request.base import MAX_SEED
from farm.params.request.job_request import JobRequest
from tests.farm.horde.stand_in import DEFAULTS

OFFERS = {"Tiny Sana": "sana-demo"}
#: Every field that a Horde's payload may have, with values that its published API allows, and some that it does not.
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "prompt": st.sampled_from(["a red circle", "a cat###dog", "{a} __b__", "###", "", None]),
    "seed": st.sampled_from(["0", "7", "4294967295", "the little seed", "", None, 5, -1, True, "9" * 30]),
    "width": st.sampled_from([64, 512, 3072, "512", None, 1.5]),
    "height": st.sampled_from([64, 512, 3072]),
    "ddim_steps": st.sampled_from([1, 30, 500, None]),
    "cfg_scale": st.sampled_from([0, 7.5, 100, "7", None]),
    "sampler_name": st.sampled_from([*SAMPLERS, "k_euler_a", "k_lms", "lcm", "k_dpm_fast", "new", None]),
    "clip_skip": st.sampled_from([1, 2, None]),
    "denoising_strength": st.sampled_from([0.5, 1]),
    "control_type": st.sampled_from([None, "canny"]),
    "loras": st.sampled_from([None, [], [{"name": "x"}]]),
    "tis": st.sampled_from([None, [], [{"name": "7808"}]]),
    "post_processing": st.sampled_from([[], ["GFPGAN"]]),
    "workflow": st.sampled_from([None, "qr_code"]),
    "special": st.sampled_from([None, {}, {"a": 1}]),
    **{
        name: st.booleans()
        for name in ("karras", "tiling", "hires_fix", "transparent", "image_is_control", "use_nsfw_censor", "newer")
    },
}
#: What would change the picture and has no meaning here.
REFUSED = ("control_type", "loras", "tis", "post_processing", "workflow", "special", "tiling", "hires_fix")


def popped(ids: tuple[str, ...] = ("a",), model: str = "Tiny Sana", **payload: Any) -> Popped:
    return Popped(ids=list(ids), model=model, payload={"prompt": "a red circle", **payload})


@given(st.fixed_dictionaries({}, optional=FIELDS), st.integers(1, 20), st.booleans())
def test_every_job_becomes_one_that_the_farm_can_read_or_reasons(
    payload: dict[str, Any], pictures: int, checked: bool
) -> None:
    ids = tuple(f"id-{number}" for number in range(pictures))
    try:
        asked = translate(Popped(ids=list(ids), model="Tiny Sana", payload=payload), OFFERS, pictures_checked=checked)
    except CannotRender as refusal:
        reasons = refusal.reasons
    else:
        reasons = []
    if reasons:
        assert all(reasons)
        return
    request = TypeAdapter(JobRequest).validate_python(request_body(asked.model, asked.prompt, asked.fields))
    assert request.prompts == [asked.prompt]
    assert "###" not in asked.prompt
    assert list(asked.seeds) == [(asked.seeds[0] + place) % (MAX_SEED + 1) for place in range(pictures)]
    assert not any(payload.get(name) for name in (*REFUSED, "transparent", "image_is_control", "newer"))
    assert checked or not payload.get("use_nsfw_censor")
    if payload.get("karras"):
        assert any("karras" in remark for remark in asked.remarks)
    if payload.get("sampler_name") not in (None, *SAMPLERS):
        assert any(str(payload["sampler_name"]) in remark for remark in asked.remarks)


def test_what_a_horde_fills_in_by_itself_is_rendered_and_told() -> None:
    asked = translate(popped(**{**DEFAULTS, "seed": "7"}), OFFERS, pictures_checked=False)
    assert asked.fields == {
        "width": 512,
        "height": 512,
        "num_inference_steps": 30,
        "guidance_scale": 7.5,
        "seeds": [7],
    }
    assert [remark.split()[0] for remark in asked.remarks] == ["k_euler_a", "karras"]


def test_a_prompt_is_parted_from_what_it_should_not_show() -> None:
    asked = translate(
        popped(prompt="a red circle ### blue, {x}", sampler_name="k_euler"), OFFERS, pictures_checked=False
    )
    assert (asked.prompt, asked.fields["negative_prompt"]) == ("a red circle", "blue, {x}")
    assert asked.fields["sampler"] == "euler"


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (popped(loras=[{"name": "x"}], tis=[{"name": "y"}]), "loras: these models have nothing of the kind; tis:"),
        (popped(sampler_name="k_dpm_fast"), "these do: DDIM, k_dpmpp_2m, k_euler, k_heun"),
        (popped(use_nsfw_censor=True), "no checker"),
        (popped(model="Deliberate"), "does not offer the model 'Deliberate'"),
        (popped().model_copy(update={"source_image": "https://there/x.webp"}), "from prompts alone"),
        (popped(seed="the little seed"), "seed: must be a whole number"),
        (popped(prompt=" ### blue"), "there is no prompt"),
        (popped(clip_skip=2), "clip_skip"),
    ],
)
def test_what_has_no_meaning_here_is_refused_by_name(job: Popped, words: str) -> None:
    with pytest.raises(CannotRender, match=words):
        translate(job, OFFERS, pictures_checked=False)


def test_each_picture_is_reported_by_how_its_render_ended() -> None:
    said = [
        ("done", None, State.OK),
        ("failed", "The output was not stored: the safety checker 'x' objects: …", State.CENSORED),
        ("failed", "CUDA out of memory at /opt/models/secret", State.FAULTED),
        ("expired", None, State.FAULTED),
        ("cancelled", None, State.FAULTED),
    ]
    renders = [
        Render(id=f"r{place}", job_id="j", index=place, status=status, reason=reason)
        for place, (status, reason, _) in enumerate(said)
    ]
    ids = [*"abcde", "f"]
    found = reports(ids, range(6), reversed(renders), ["told"])
    assert [report.state for report in found] == [*(state for *_, state in said), State.FAULTED]
    bodies = [report.body("R2") for report in found]
    assert [body["seed"] for body in bodies] == [0, 1, 2, 3, 4, 5]
    assert bodies[1]["gen_metadata"][0] == {"type": "censorship", "value": "nsfw"}
    assert "secret" not in str(bodies)


@given(st.integers(1, 10_000), st.floats(0, 1), st.none() | st.floats(0, 1e6))
def test_pauses_grow_to_a_bound_and_never_undercut_what_was_asked(
    times: int, share: float, retry_after: float | None
) -> None:
    assert 0 < idle_pause(times) <= idle_pause(times + 1) <= LONGEST_IDLE
    pause = away_pause(times, retry_after, share)
    assert min(retry_after or 0, LONGEST_AWAY) <= pause <= LONGEST_AWAY
    assert pause <= away_pause(times + 1, retry_after, share)


@given(st.none() | st.floats(-10, 1e6, allow_subnormal=False))
def test_time_is_left_to_hand_over(ttl: float | None) -> None:
    assert 0 < render_seconds(ttl) < (ttl if ttl and ttl > 0 else 151)


def test_offers_are_read_and_follow_the_pools() -> None:
    offers = read_offers(["sana-demo=Tiny Sana", "sprint-demo = A=B "])
    assert offers == {"Tiny Sana": "sana-demo", "A=B": "sprint-demo"}
    scaling = Scaling(desired=0, changes=[ScaleChange(before=1, after=0)])
    pools = [
        Pool(name="p", model="sana-demo", workers=1, paused=True),
        Pool(name="q", model="sprint-demo", scaling=scaling),
        Pool(name="r", model="wan-demo", workers=1),
    ]
    assert served(offers, pools) == ["A=B"]
    assert served(offers, [*pools, Pool(name="s", model="sana-demo", workers=1)]) == ["A=B", "Tiny Sana"]
    small, large = Model(name="s", sizes=[(128, 128), (192, 128)]), Model(name="l", sizes=[(1024, 1024)])
    assert most_pixels([small, large]) == 192 * 128
    with pytest.raises(InvalidRequest) as refusal:
        read_offers(["sana-demo", "=x", "a=Tiny", "b=Tiny"])
    assert len(refusal.value.faults) == 3
