"""Pictures on the worker: fetched once, checked, and left out where they cannot be had."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from farm.errors import NotFound
from tests.workers.pictures import clip_file
from tests.workers.training.trainings import clips as training_clips
from tests.workers.training.trainings import training
from workers.agent import input_pictures
from workers.agent.input_pictures import Pictures


class Bucket:
    """What a worker asks of the storage."""

    def __init__(self, **objects: bytes) -> None:
        self.objects = objects
        self.asked: list[str] = []

    def get(self, key: str) -> bytes:
        self.asked.append(key)
        if key not in self.objects:
            raise NotFound(f"no object {key}")
        return self.objects[key]


def picture(key: str, data: bytes) -> dict[str, Any]:
    return {"image": {"id": key, "key": key, "sha256": hashlib.sha256(data).hexdigest()}, "control_image": None}


def pictures(bucket: Any, folder: Path) -> Pictures:
    return Pictures(bucket, folder / "pictures")


def test_a_picture_is_fetched_once_for_many_renders(tmp_path: Path) -> None:
    bucket = Bucket(one=b"red")
    kept = pictures(bucket, tmp_path)

    files = [kept.files_for(picture("one", b"red"), f"render {number}") for number in range(3)]

    assert Path(files[0]["image"]).read_bytes() == b"red"
    assert files[0] == files[1] == files[2]
    assert bucket.asked == ["one"]


def test_what_is_gone_or_is_not_what_was_uploaded_is_left_out(tmp_path: Path) -> None:
    kept = pictures(Bucket(changed=b"blue"), tmp_path)

    assert kept.files_for(picture("gone", b"red"), "render") == {}
    assert kept.files_for(picture("changed", b"red"), "render") == {}
    assert not list((tmp_path / "pictures").glob("*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux")
def test_a_full_disk_is_not_a_picture_that_is_gone(tmp_path: Path) -> None:
    kept, asked = pictures(Bucket(one=b"red"), tmp_path), picture("one", b"red")
    part = tmp_path / "pictures" / f"{asked['image']['sha256']}.part"
    part.parent.mkdir(exist_ok=True)
    part.symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        kept.files_for(asked, "render")
    assert not list(part.parent.glob("*"))


def test_renders_without_pictures_ask_for_nothing(tmp_path: Path) -> None:
    bucket = Bucket()
    assert pictures(bucket, tmp_path).files_for({"image": None, "prompt": "a circle"}, "render") == {}
    assert bucket.asked == []


def test_what_was_used_longest_ago_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_pictures, "MOST_KEPT", 2)
    bucket = Bucket(a=b"a", b=b"b", c=b"c")
    kept = pictures(bucket, tmp_path)
    for name in "abc":
        kept.files_for(picture(name, name.encode()), "render")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 2


def test_a_training_keeps_all_its_clips_though_they_are_more_than_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a worker that keeps two clips, and one that it had before,
    monkeypatch.setattr(input_pictures, "MOST_CLIPS_KEPT", 2)
    clips = training_clips()
    bucket = Bucket(**{clip.video.key: Path(clip_file(number)).read_bytes() for number, clip in enumerate(clips, 1)})
    kept = Pictures(bucket, tmp_path / "pictures")
    other = tmp_path / "pictures" / f"{'0' * 64}.mkv"
    other.parent.mkdir()
    other.write_bytes(b"a clip of an older render")
    os.utime(other, (0, 0))
    # when a training learns from three,
    three = Path(clip_file(3)).read_bytes()
    bucket.objects["third"] = three
    third = clips[0].video.model_copy(update={"key": "third", "sha256": hashlib.sha256(three).hexdigest()})
    plan = training(clips=[*clips, clips[0].model_copy(update={"video": third})], pictures=())
    files = kept.files_for({"training": plan.model_dump(mode="json")}, "training")
    # then all three lie there, and what nobody needs has gone.
    assert len(files) == 3
    assert all(Path(path).is_file() for path in files.values())
    assert not other.exists()
