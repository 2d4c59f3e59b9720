"""What may be asked of Wan VACE: clips that are long enough, masks that belong to one, reference pictures."""

from typing import Any

import pytest

from farm.catalog import load_catalog
from farm.errors import InvalidRequest
from farm.params import JobRequest, Resolved, parse_parameters, resolve
from farm.params.checks.clip_frames import frames_taken, frames_there
from farm.params.model_change_checks import ModelChangeChecks
from farm.params.pictures import asked_again, stored_pictures
from farm.params.request.base import ClipRef, InputRef
from farm.provenance.source_type import EDITED, GENERATED, source_type_of
from farm.settings import load_settings

CATALOG = load_catalog(load_settings(variables={}), {})
MODEL = "wan21-vace-1300m"
#: Ids of what is uploaded, with frames and their rate.
CLIPS = {"clip": (100, 16.0), "fast": (200, 29.97), "short": (50, 16.0), "mask-clip": (81, 16.0)}


def uploaded(name: str) -> InputRef | None:
    if name in CLIPS:
        frames, rate = CLIPS[name]
        return ClipRef(id=name, key=f"inputs/{name}.mkv", sha256="0" * 64, frames=frames, frame_rate=rate)
    return InputRef(id=name, key=f"inputs/{name}.png", sha256="0" * 64) if name.startswith("picture") else None


def resolved(model: str = MODEL, **fields: Any) -> Resolved:
    request = JobRequest.model_validate({"model": model, "prompt": "a fox", "seed": 1, **fields})
    return resolve(request, CATALOG.model(model), max_renders=9, draw_seed=lambda: 0, find_input=uploaded)


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        resolved(**fields)
    return {fault.field: str(fault.message) for fault in refused.value.faults}


def test_a_render_takes_of_each_of_its_moments_the_nearest_frame() -> None:
    assert frames_taken(5, 16, 16.0) == [0, 1, 2, 3, 4]
    assert frames_taken(5, 15, 30.0) == [0, 2, 4, 6, 8]
    assert frames_taken(5, 24, 12.0) == [0, 1, 1, 2, 2]
    assert frames_taken(81, 24, 23.976) == list(range(81))


@pytest.mark.parametrize("rate", [5.0, 12.5, 15.999, 16.0, 23.976, 29.97, 60.0])
@pytest.mark.parametrize("fps", [1, 8, 16, 30])
@pytest.mark.parametrize("frames", [2, 49, 81, 100])
def test_a_clip_is_long_enough_for_just_as_many_frames_as_it_has_something_for(
    frames: int, rate: float, fps: int
) -> None:
    there = frames_there(frames, rate, fps)
    assert frames_taken(there, fps, rate)[-1] < frames
    assert frames_taken(there + 1, fps, rate)[-1] >= frames


def test_all_that_is_given_is_kept_complete_with_the_rate_of_the_clip() -> None:
    pictures = ["picture-1", "picture-2"]
    [render] = resolved(video="clip", mask="mask-clip", reference_images=pictures).renders
    stored = render.document()
    assert stored["video"] == {
        "id": "clip",
        "key": "inputs/clip.mkv",
        "sha256": "0" * 64,
        "frames": 100,
        "frame_rate": 16.0,
    }
    assert [kept["id"] for kept in stored["reference_images"]] == pictures
    assert stored["conditioning_scale"] == 1.0
    assert list(stored_pictures(stored)) == ["video", "mask", "reference_images/0", "reference_images/1"]
    assert asked_again(stored) == {"video": "clip", "mask": "mask-clip", "reference_images": pictures}
    assert parse_parameters(stored) == render


def test_nothing_needs_to_be_given() -> None:
    [render] = resolved().renders
    stored = render.document()
    assert (stored["video"], stored["mask"], list(stored["reference_images"])) == (None, None, [])
    assert asked_again(stored) == {}


def test_a_longer_clip_and_one_of_another_rate_are_taken_and_said() -> None:
    assert resolved(video="mask-clip").notices == []
    [longer] = resolved(video="clip").notices
    assert longer == "/video: of the clip's 100 frames those after 81 are not used"
    notices = resolved(video="fast").notices
    assert "29.97 frames a second and the render 16: of each moment the nearest frame is taken" in notices[0]
    assert "those after 151 are not used" in notices[1]


def test_a_clip_that_is_too_short_is_refused_with_what_it_is_long_enough_for() -> None:
    found = faults(video="short")
    assert found == {
        "/video": "the clip has 50 frames at 16 a second, which are 50 of a render with 16 a second, and 81 are asked "
        "for; take num_frames 49 or less, or a longer clip"
    }
    assert len(resolved(video="short", num_frames=49).renders) == 1
    assert "/mask" in faults(video="clip", mask="short")


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"mask": "mask-clip"}, "/mask", "says what of a video is to be made anew; give that as 'video'"),
        ({"video": "picture", "mask": "mask-clip"}, "/mask", "is a clip, and 'video' a picture"),
        ({"video": "picture", "num_frames": 1}, "/num_frames", "nothing to be made in 1 frame without a mask"),
        ({"video": "gone"}, "/video", "the project has no clip and no picture 'gone'"),
        ({"reference_images": ["picture", "clip"]}, "/reference_images/1", "is a clip ('clip'); give a picture"),
        ({"reference_images": ["picture"] * 9}, "/reference_images", "must be at most 8 pictures; seen 9"),
        ({"conditioning_scale": 2.5}, "/conditioning_scale", "must be between 0 and 2"),
        ({"image": "picture"}, "/image", "takes no such picture"),
        ({"strength": 0.5}, "/strength", "starts from no picture"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_rule(fields: dict[str, Any], field: str, said: str) -> None:
    found = faults(**fields)
    assert list(found) == [field]
    assert said in found[field]


def test_other_models_take_none_of_it() -> None:
    given = {"video": "clip", "mask": "picture", "reference_images": ["picture"], "conditioning_scale": 0.5}
    found = faults(model="wan21-t2v-1300m", **given)
    assert sorted(found) == ["/conditioning_scale", "/mask", "/reference_images", "/video"]
    assert "takes no such clip" in found["/video"]
    assert "is a clip" in faults(model="wan22-ti2v-5b", image="clip")["/image"]


def test_a_still_of_which_a_part_is_made_anew_is_taken() -> None:
    assert len(resolved(video="picture-1", mask="picture-2", num_frames=1).renders) == 1


def test_a_job_can_go_to_another_model_of_the_family_with_all_that_was_given() -> None:
    [render] = resolved(video="clip", mask="picture", reference_images=["picture-1"]).renders
    moved = ModelChangeChecks(CATALOG.model("wan21-vace-14b")).check(render.document())
    assert not isinstance(moved, list), moved
    assert asked_again(moved.document()) == asked_again(render.document())


def test_an_output_is_called_edited_where_pixels_of_others_are_kept_in_it() -> None:
    for given, kind in (
        ({"video": "clip"}, GENERATED),
        ({"reference_images": ["picture"]}, GENERATED),
        ({"video": "clip", "mask": "picture"}, EDITED),
        ({"video": "picture"}, EDITED),
    ):
        [render] = resolved(**given).renders
        assert source_type_of(render.document()) == kind, given
