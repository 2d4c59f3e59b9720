"""What may be asked of Wan Animate: clips for each mode, and segments that join."""

from typing import Any

import pytest

from farm.catalog import load_catalog
from farm.errors import InvalidRequest
from farm.params import JobRequest, Resolved, batch_key, parse_parameters, resolve, shape_of
from farm.params.model_change_checks import ModelChangeChecks
from farm.params.pictures import asked_again, stored_pictures
from farm.params.request.base import ClipRef, InputRef
from farm.params.segments import frames_made, segments_of
from farm.params.sizes import Shape
from farm.provenance.source_type import source_type_of
from farm.settings import load_settings
from scheduler.estimates.initial_estimate import forwards, gpu_seconds

CATALOG = load_catalog(load_settings(variables={}), {})
MODEL = "wan22-animate-14b"
CLIPS = {"pose": 500, "face": 500, "street": 500, "mask": 500, "short": 50}
MOVED = {"image": "picture", "pose_video": "pose", "face_video": "face"}
REPLACE = {**MOVED, "mode": "replace", "background_video": "street", "mask_video": "mask"}


def uploaded(name: str) -> InputRef | None:
    if name in CLIPS:
        return ClipRef(id=name, key=f"inputs/{name}.mkv", sha256="0" * 64, frames=CLIPS[name], frame_rate=30.0)
    return InputRef(id=name, key=f"inputs/{name}.png", sha256="0" * 64) if name.startswith("picture") else None


def resolved(**fields: Any) -> Resolved:
    request = JobRequest.model_validate({"model": MODEL, "prompt": "a man dances", "seed": 1, **fields})
    return resolve(request, CATALOG.model(MODEL), max_renders=9, draw_seed=lambda: 0, find_input=uploaded)


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        resolved(**fields)
    return {fault.field: str(fault.message) for fault in refused.value.faults}


def test_it_renders_by_default_as_the_authors_do() -> None:
    [render] = resolved(**MOVED).renders
    stored = render.document()
    asked = ("mode", "num_frames", "fps", "num_inference_steps", "guidance_scale", "flow_shift", "segment_frame_length")
    assert [stored[name] for name in asked] == ["animate", 77, 30, 20, 1.0, 5.0, 77]
    assert stored["prev_segment_conditioning_frames"] == 1
    assert (stored["background_video"], stored["mask_video"]) == (None, None)
    assert list(stored_pictures(stored)) == ["image", "pose_video", "face_video"]
    assert asked_again(stored) == MOVED
    assert parse_parameters(stored) == render


def test_to_replace_keeps_the_background_too_and_a_picture_may_stand_for_it() -> None:
    [render] = resolved(**REPLACE).renders
    assert list(stored_pictures(render.document()))[-2:] == ["background_video", "mask_video"]
    assert len(resolved(**REPLACE | {"background_video": "picture-1", "mask_video": "picture-2"}).renders) == 1
    assert source_type_of(render.document()).endswith("compositeWithTrainedAlgorithmicMedia")


@pytest.mark.parametrize(
    ("frames", "length", "shared", "count"),
    [(5, 77, 1, 1), (77, 77, 1, 1), (81, 77, 1, 2), (153, 77, 1, 2), (157, 77, 1, 3), (149, 77, 5, 2), (13, 13, 5, 1)],
)
def test_a_clip_has_as_many_segments_as_its_frames_fill(frames: int, length: int, shared: int, count: int) -> None:
    assert segments_of(frames, length, shared) == count
    assert frames_made(count, length, shared) >= frames > frames_made(count - 1, length, shared)


def test_each_segment_takes_all_steps_and_is_what_a_pass_renders() -> None:
    entry = CATALOG.model(MODEL)
    [one], [two] = (resolved(**MOVED, num_frames=frames).renders for frames in (77, 153))
    assert (one.frames, two.frames) == (77, 153)
    assert shape_of(one, entry) == shape_of(two, entry) == Shape(1280, 720, 77)
    assert batch_key(one, entry) == batch_key(two, entry)
    assert (forwards(one), forwards(two)) == (20, 40)
    costs = [gpu_seconds(entry, shape_of(render, entry), render) for render in (one, two)]
    assert costs[1] == 2 * costs[0]


def test_frames_that_are_thrown_away_are_said() -> None:
    fit = {"pose_video": "pose", "face_video": "face", "image": "picture"}
    told = [notice for notice in resolved(**fit, num_frames=153).notices if "segments" in notice]
    assert told == []
    [told] = [notice for notice in resolved(**fit, num_frames=81).notices if "segments" in notice]
    assert told == (
        "/num_frames: 2 segments of 77 frames make 153, of which the last 72 are thrown away; take num_frames 153, or "
        "another segment_frame_length"
    )


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"face_video": None}, "/face_video", "wan22-animate-14b needs such a clip"),
        ({"pose_video": "picture"}, "/pose_video", "is a picture, and nothing moves in it"),
        ({"pose_video": "short"}, "/pose_video", "take num_frames 49 or less"),
        ({"image": None}, "/image", "needs a picture of it"),
        ({"image": "pose"}, "/image", "is a clip"),
        ({"mode": "replace", "mask_video": "mask"}, "/background_video", "mode 'replace' needs such a clip"),
        ({"mask_video": "mask"}, "/mask_video", "is of mode 'replace'; leave it out"),
        (
            {"segment_frame_length": 30},
            "/segment_frame_length",
            "must be 1 more than a multiple of 4; seen 30, take 29",
        ),
        ({"segment_frame_length": 81}, "/segment_frame_length", "must be between 5 and 77"),
        (
            {"segment_frame_length": 9, "prev_segment_conditioning_frames": 5},
            "/segment_frame_length",
            "more than twice the 5 frames that segments share; seen 9, take 13",
        ),
        ({"prev_segment_conditioning_frames": 2}, "/prev_segment_conditioning_frames", "must be 1 or 5; seen 2"),
        (
            {"num_frames": 5, "prev_segment_conditioning_frames": 5},
            "/num_frames",
            "more than the 5 frames that segments share; seen 5, take 9",
        ),
        ({"num_frames": 461}, "/num_frames", "must be between 5 and 457"),
        ({"num_frames": 153, "keep_latents": True}, "/keep_latents", "has no latents of the whole"),
        ({"video": "pose"}, "/video", "takes no such clip"),
        ({"conditioning_scale": 0.5}, "/conditioning_scale", "follows no clip"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_rule(fields: dict[str, Any], field: str, said: str) -> None:
    found = faults(**MOVED | fields)
    assert list(found) == [field]
    assert said in found[field]


def test_other_models_take_none_of_it() -> None:
    request = {"mode": "replace", "segment_frame_length": 77, "pose_video": "pose", "mask_video": "mask"}
    with pytest.raises(InvalidRequest) as refused:
        resolve(
            JobRequest.model_validate({"model": "wan21-vace-1300m", "prompt": "a fox", "seed": 1, **request}),
            CATALOG.model("wan21-vace-1300m"),
            max_renders=9,
            draw_seed=lambda: 0,
            find_input=uploaded,
        )
    assert sorted(fault.field for fault in refused.value.faults) == [f"/{name}" for name in sorted(request)]


def test_a_job_can_be_checked_again_with_all_that_was_given() -> None:
    [render] = resolved(**REPLACE, num_frames=153).renders
    again = ModelChangeChecks(CATALOG.model(MODEL)).check(render.document())
    assert not isinstance(again, list), again
    assert again.document() == render.document()
