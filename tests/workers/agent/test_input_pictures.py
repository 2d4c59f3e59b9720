"""Pictures on the worker: fetched once, checked, and left out where they cannot be had."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from farm.errors import NotFound
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
