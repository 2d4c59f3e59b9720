"""Object storage: what is stored is what comes back, and only for who may have it."""

import dataclasses
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from farm.errors import NotFound, StorageDown
from farm.ids import new_id
from farm.storage import Storage
from farm.storage_keys import artifact_key
from tests.servers import S3
from tests.waiting import eventually

PICTURE = bytes(range(256)) * 400


@pytest.fixture
def key() -> str:
    """The key of an artifact that nobody has stored yet."""
    return artifact_key(new_id(), new_id(), new_id(), 3, "output.png")


def test_bytes_come_back_as_they_were_stored(storage: Storage, key: str) -> None:
    stored = storage.put(key, PICTURE, "image/png")

    assert storage.get(key) == PICTURE
    assert (stored.key, stored.content_type, stored.size) == (key, "image/png", len(PICTURE))
    assert stored.sha256 == hashlib.sha256(PICTURE).hexdigest()


def test_a_file_larger_than_one_part_comes_back_as_it_was(storage: Storage, key: str, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(PICTURE * 100)  # 10 MB: more than one part of an upload

    stored = storage.put(key, clip, "video/mp4")

    assert storage.get(key) == clip.read_bytes()
    assert stored.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert httpx.get(storage.link(key)).headers["content-type"] == "video/mp4"


def test_each_attempt_has_keys_of_its_own() -> None:
    keys = {artifact_key("p", "j", "r", attempt, name) for attempt in range(3) for name in ("a.png", "b.json")}

    assert len(keys) == 6


def test_what_is_not_there_is_not_found(storage: Storage, key: str) -> None:
    with pytest.raises(NotFound, match=re.escape(key)):
        storage.get(key)


def test_a_link_needs_no_key_and_gives_any_part_of_the_object(storage: Storage, key: str) -> None:
    storage.put(key, PICTURE, "image/png")
    link = storage.link(key)

    whole = httpx.get(link)
    part = httpx.get(link, headers={"Range": "bytes=1000-1999"})
    end = httpx.get(link, headers={"Range": "bytes=-10"})
    beyond = httpx.get(link, headers={"Range": f"bytes={len(PICTURE)}-"})

    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, PICTURE, "image/png")
    assert (part.status_code, part.content) == (206, PICTURE[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(PICTURE)}"
    assert (end.status_code, end.content) == (206, PICTURE[-10:])
    assert beyond.status_code == 416


def test_a_link_ends_with_its_life_and_opens_nothing_else(storage: Storage, key: str) -> None:
    storage.put(key, PICTURE, "image/png")
    other = storage.put(f"{key}.other", PICTURE, "image/png").key
    link = storage.link(key, seconds=2)

    assert httpx.get(link.replace(key, other)).status_code == 403
    assert httpx.put(link, content=b"mine").status_code == 403
    assert httpx.get(link.partition("?")[0]).status_code == 403
    eventually(lambda: httpx.get(link).status_code == 403)
    assert storage.get(key) == PICTURE


def test_a_link_can_name_the_file_in_any_language(storage: Storage, key: str) -> None:
    storage.put(key, PICTURE, "image/png")

    answer = httpx.get(storage.link(key, download_name='红色圆形 "1".png'))

    name = "%E7%BA%A2%E8%89%B2%E5%9C%86%E5%BD%A2%20%221%22.png"
    assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"


@pytest.mark.parametrize("seconds", [0, -1, 604_801])
def test_a_link_that_s3_would_refuse_is_not_made(storage: Storage, seconds: int) -> None:
    with pytest.raises(ValueError, match="604800"):
        storage.link("any", seconds=seconds)


def test_links_name_the_public_address(s3: S3) -> None:
    public = Storage(dataclasses.replace(s3, s3_public_endpoint_url="https://files.example"))

    assert urlsplit(public.link("any")).netloc == "files.example"
    public.close()


def test_keys_are_listed_in_order_below_their_prefix_and_deleted(storage: Storage) -> None:
    folder = f"list/{new_id()}"
    names = [f"{folder}/{number:02}" for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: storage.put(name, b"x", "text/plain"), reversed(names)))

    assert list(storage.list(f"{folder}/")) == names
    storage.delete([*names[:10], f"{folder}/never-there"])
    assert list(storage.list(f"{folder}/")) == names[10:]
    storage.delete([])


@pytest.mark.parametrize(
    "wrong", [{"s3_access_key_id": SecretStr("stranger")}, {"s3_secret_access_key": SecretStr("a-wrong-secret")}]
)
def test_a_wrong_key_is_refused_everything_and_said_without_the_secret(
    s3: S3, storage: Storage, key: str, wrong: dict[str, SecretStr]
) -> None:
    storage.put(key, PICTURE, "image/png")
    stranger = Storage(dataclasses.replace(s3, **wrong))

    for attempt in (
        lambda: stranger.get(key),
        lambda: stranger.put(key, b"mine", "text/plain"),
        lambda: stranger.delete([key]),
        lambda: list(stranger.list("")),
        stranger.ensure_bucket,
    ):
        with pytest.raises(StorageDown) as refused:
            attempt()
        assert "a-wrong-secret" not in str(refused.value)
    assert httpx.get(stranger.link(key)).status_code == 403
    assert storage.get(key) == PICTURE
    stranger.close()


def test_a_storage_that_is_away_is_said_with_its_address(s3: S3) -> None:
    away = Storage(dataclasses.replace(s3, s3_endpoint_url="http://127.0.0.1:1"))

    with pytest.raises(StorageDown, match=re.escape("http://127.0.0.1:1")):
        away.get("any")
    away.close()


def test_a_bucket_is_made_once_and_found_again(s3: S3) -> None:
    storage = Storage(dataclasses.replace(s3, s3_bucket=f"farm-{new_id()}"))

    storage.ensure_bucket()
    storage.ensure_bucket()
    assert list(storage.list("")) == []
    storage.close()
