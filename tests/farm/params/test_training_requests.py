"""What may be trained: by which family, from what, on which pools."""

from pathlib import Path
from typing import Any

import pytest

from farm.catalog import Catalog
from farm.errors import InvalidRequest
from farm.params import parse_parameters
from farm.params.request.base import ClipRef, InputRef
from farm.params.resolve import Resolved
from farm.params.training.check_training import check_training
from farm.params.training.stored import Training
from tests.farm.params.test_sharding_limits import MODEL, catalog

PICTURE = InputRef(id="p", key="inputs/p.png", sha256="0" * 64)
CLIP = ClipRef(id="c", key="inputs/c.mkv", sha256="1" * 64, frames=200, frame_rate=16.0)
SHORT = ClipRef(id="s", key="inputs/s.mkv", sha256="2" * 64, frames=14, frame_rate=16.0)
CLIPS = [{"video": "c", "caption": "a fox runs"}]
FIRST = {"model": "wan21-i2v-14b-480p", "clips": CLIPS, "validation_image": "p"}


def check(entries: Catalog, **asked: Any) -> Resolved:
    document = {"model": MODEL, "name": "fox"} | asked
    _, resolved = check_training(
        document, entries, draw_seed=lambda: 1, classes=["bulk"], find_input={"p": PICTURE, "c": CLIP, "s": SHORT}.get
    )
    return resolved


def places(entries: Catalog, **asked: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        check(entries, **asked)
    return [fault.field for fault in refused.value.faults]


@pytest.fixture
def plain(tmp_path: Path) -> Catalog:
    return catalog(tmp_path, "null")


@pytest.mark.parametrize(
    "asked",
    [
        FIRST,
        FIRST | {"model": "wan22-i2v-a14b", "expert": "low-noise"},
        {"model": "sana-video-2b-480p", "clips": CLIPS, "pictures": [{"image": "p", "caption": "a fox"}]},
        {"clips": CLIPS, "optimizer": "adamw-8bit"},
    ],
)
def test_a_training_is_kept_with_all_it_needs_and_read_back(plain: Catalog, asked: dict[str, Any]) -> None:
    [render] = check(plain, **asked).renders
    kept = render.document()
    assert parse_parameters(kept) == render
    assert kept["training"]["optimizer"] == asked.get("optimizer", "adamw")
    assert (kept.get("image") or {}).get("id") == asked.get("validation_image")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"validation_image": None}, "/validation_image"),
        ({"validation_image": "c"}, "/validation_image"),
        ({"validation_image": "x"}, "/validation_image"),
        ({"pictures": [{"image": "p", "caption": "a fox"}]}, "/pictures"),
        ({"num_frames": 1}, "/num_frames"),
        ({"with_prior_preservation": True, "class_prompt": "an animal"}, "/with_prior_preservation"),
        ({"model": "wan21-t2v-14b"}, "/validation_image"),
        ({"model": "sana-video-2b-480p"}, "/validation_image"),
    ],
)
def test_what_a_model_that_begins_with_a_picture_cannot_learn_from_is_refused(
    plain: Catalog, changes: dict[str, Any], place: str
) -> None:
    assert places(plain, **FIRST | changes) == [place]


@pytest.mark.parametrize(("model", "most"), [("sana-video-2b-480p", 13), ("sana-video-2b-720p", 9)])
def test_of_a_clip_that_is_too_short_as_many_frames_are_offered_as_the_model_makes(
    plain: Catalog, model: str, most: int
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(plain, model=model, clips=[{"video": "s", "caption": "a fox runs"}])
    [fault] = refused.value.faults
    assert f"take num_frames {most} or less" in str(fault.message)


def test_a_model_is_trained_on_several_devices_by_its_weights(tmp_path: Path) -> None:
    entries = catalog(tmp_path, "{by: weights, devices: 4}")
    assert not any("/train_batch_size" in notice for notice in check(entries, clips=CLIPS, train_batch_size=8).notices)
    [notice] = [told for told in check(entries, clips=CLIPS, train_batch_size=6).notices if "/train_batch" in told]
    assert "take a multiple of 4" in notice


@pytest.mark.parametrize("by", ["layers", "sequence", "weights+sequence"])
def test_other_ways_to_lie_on_several_devices_are_refused_with_the_one_that_trains(tmp_path: Path, by: str) -> None:
    entries = catalog(tmp_path, f"{{by: {by}, devices: 2}}")
    with pytest.raises(InvalidRequest) as refused:
        check(entries, clips=CLIPS)
    [fault] = refused.value.faults
    assert fault.field == "/model"
    assert f"by '{by}'" in fault.message
    assert "by 'weights' alone" in fault.message


def test_a_training_that_is_stored_from_before_there_was_a_choice_goes_on_as_it_began(plain: Catalog) -> None:
    [render] = check(plain, clips=CLIPS).renders
    kept = render.document()["training"]
    del kept["optimizer"], kept["lr_scheduler"]
    known = Training.model_validate(kept)
    assert (known.optimizer, known.lr_scheduler) == ("adamw", "constant")


def test_a_warm_up_that_is_longer_than_the_training_is_refused(plain: Catalog) -> None:
    assert check(plain, clips=CLIPS, lr_warmup_steps=500).renders
    assert places(plain, clips=CLIPS, lr_warmup_steps=501) == ["/lr_warmup_steps"]
