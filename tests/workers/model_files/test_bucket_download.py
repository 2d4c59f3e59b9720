"""Models in a bucket: copied once, brought up to date, checked, on the real S3 server."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from farm.catalog import ModelEntry
from farm.ids import new_id
from farm.settings import Settings
from farm.storage import Storage
from tests.servers import S3
from tests.workers import tiny_pipelines
from tests.workers.orders import CPU
from workers.model_files import disk_space
from workers.model_files.cached import look
from workers.model_files.download import FetchFailed, fetch
from workers.model_files.pull import pull
from workers.model_files.remove import remove
from workers.pipelines.load import LoadingFailed, load

WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
BUCKET = "models"


@pytest.fixture
def bucket(s3: S3) -> Iterator[Storage]:
    """A bucket of its own on the farm's server."""
    storage = Storage(s3, BUCKET)
    storage.ensure_bucket()
    yield storage
    storage.close()


@pytest.fixture
def place(bucket: Storage, tiny_folder: Callable[[str], Path]) -> str:
    """The folder of the bucket that holds a tiny Sana."""
    place, folder = f"tiny/{new_id()}", tiny_folder("sana")
    for path in folder.rglob("*"):
        if path.is_file():
            bucket.put(f"{place}/{path.relative_to(folder).as_posix()}", path, "application/octet-stream")
    return place


@pytest.fixture
def settings(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The farm's settings, also for whoever reads them from the environment."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FARM_DATA_DIR", str(tmp_path / "data"))
    return Settings(data_dir=tmp_path / "data", **{name: getattr(s3, name) for name in _NAMES})


_NAMES = ("s3_endpoint_url", "s3_access_key_id", "s3_secret_access_key", "s3_bucket")


def entry(place: str, **changes: object) -> ModelEntry:
    return tiny_pipelines.entry("sana", f"s3://{BUCKET}/{place}", **changes)


def test_a_model_in_a_bucket_is_loaded_as_the_folder_would_be(
    bucket: Storage, place: str, settings: Settings, tiny_folder: Callable[[str], Path]
) -> None:
    loaded = load(entry(place), None, CPU)
    here = load(tiny_pipelines.entry("sana", tiny_folder("sana")), None, CPU)
    assert loaded.facts.source == f"s3://{BUCKET}/{place}"
    assert loaded.facts.weight_sha256 == here.facts.weight_sha256
    for name, weights in here.family.pipeline.transformer.state_dict().items():
        assert torch.equal(weights, loaded.family.pipeline.transformer.state_dict()[name])


def test_what_is_here_is_not_fetched_again_and_what_changed_is(bucket: Storage, place: str, settings: Settings) -> None:
    first = fetch(entry(place), settings)
    times = {file.path: (first.folder / file.path).stat().st_mtime_ns for file in first.files}
    bucket.put(f"{place}/{WEIGHTS}", b"other weights", "application/octet-stream")

    second = fetch(entry(place), settings)

    again = {file.path for file in second.files if (second.folder / file.path).stat().st_mtime_ns != times[file.path]}
    assert again == {WEIGHTS}
    assert (second.folder / WEIGHTS).read_bytes() == b"other weights"
    digests = {file.path: file.digest for file in second.files}
    assert digests[WEIGHTS] == hashlib.sha256(b"other weights").hexdigest()


def test_a_download_that_was_cut_off_goes_on_where_it_ended(
    bucket: Storage, place: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a connection that ends in the middle of the largest file,
    whole, asked = bucket.get(f"{place}/{WEIGHTS}"), []
    stream = Storage.stream

    def cut(storage: Storage, key: str, start: int, version: str) -> Iterator[bytes]:
        asked.append((key, start))
        if key.endswith(WEIGHTS) and start == 0:
            yield whole[:1000]
            raise OSError("the connection is gone")
        yield from stream(storage, key, start, version)

    monkeypatch.setattr(Storage, "stream", cut)
    with pytest.raises(FetchFailed, match="the connection is gone"):
        fetch(entry(place), settings)
    # when the model is fetched again,
    fetched = fetch(entry(place), settings)
    # then only the rest comes, and the whole is right.
    assert (f"{place}/{WEIGHTS}", 1000) in asked
    assert (fetched.folder / WEIGHTS).read_bytes() == whole


def test_a_bucket_that_is_away_is_no_trouble_for_a_complete_copy(place: str, settings: Settings, s3: S3) -> None:
    away = settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:1"})
    with pytest.raises(FetchFailed, match=r"http://127\.0\.0\.1:1.* cannot be reached"):
        fetch(entry(place), away)
    there = fetch(entry(place), settings)
    assert fetch(entry(place), away) == there
    (there.folder / WEIGHTS).unlink()
    with pytest.raises(FetchFailed, match="cannot be reached"):
        fetch(entry(place), away)


def test_a_part_of_a_model_is_not_taken_for_the_whole(
    place: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a first copying that ended before the weights came,
    stream = Storage.stream

    def without_weights(storage: Storage, key: str, start: int, version: str) -> Iterator[bytes]:
        if key.endswith(".safetensors"):
            raise OSError("the connection is gone")
        yield from stream(storage, key, start, version)

    monkeypatch.setattr(Storage, "stream", without_weights)
    with pytest.raises(FetchFailed):
        fetch(entry(place), settings)
    # then what is here is no model.
    with pytest.raises(FetchFailed, match="no whole copy on this machine"):
        fetch(entry(place), settings, local_only=True)


def test_a_copy_that_was_changed_is_named(place: str, settings: Settings) -> None:
    path = fetch(entry(place), settings).folder / WEIGHTS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(LoadingFailed) as failed:
        load(entry(place), None, CPU)
    assert f"{path} is changed" in str(failed.value)
    assert "where the bucket says" in str(failed.value)


def test_a_single_file_is_fetched_instead_of_the_weights_of_its_component(
    bucket: Storage, place: str, settings: Settings
) -> None:
    source = {"path": f"s3://{BUCKET}/{place}", "single_file": {"transformer": "sana.gguf"}}
    found = entry(place, source=source)
    with pytest.raises(FetchFailed, match=r"it holds no file sana\.gguf: check 'source\.single_file'"):
        fetch(found, settings)
    bucket.put(f"{place}/sana.gguf", b"any", "application/octet-stream")
    fetched = fetch(found, settings)
    assert "sana.gguf" in fetched.weights
    assert WEIGHTS not in fetched.weights


def test_pickled_weights_are_not_fetched(bucket: Storage, place: str, settings: Settings) -> None:
    bucket.put(f"{place}/{WEIGHTS.replace('.safetensors', '.bin')}", b"pickled", "application/octet-stream")
    bucket.delete([f"{place}/{WEIGHTS}"])
    with pytest.raises(FetchFailed, match="only pickled weights"):
        fetch(entry(place), settings)
    assert not list(settings.data_dir.rglob("*.bin"))


def test_a_folder_that_the_bucket_does_not_have_is_explained(bucket: Storage, settings: Settings) -> None:
    with pytest.raises(FetchFailed, match=r"s3://models/nowhere could not be fetched: it holds no model_index\.json"):
        fetch(entry("nowhere"), settings)


def test_a_bucket_that_is_not_there_is_explained(settings: Settings) -> None:
    missing = tiny_pipelines.entry("sana", "s3://no-such-bucket/model")
    with pytest.raises(FetchFailed, match=r"'no-such-bucket'.*NoSuchBucket"):
        fetch(missing, settings)


def test_a_full_disk_is_said_before_anything_large_is_fetched(
    place: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "SPARE_BYTES", 10**18)
    with pytest.raises(FetchFailed, match=r"the disk is full.*FARM_DATA_DIR"):
        fetch(entry(place), settings)
    assert not list(settings.data_dir.rglob("*.safetensors"))


def test_a_copy_is_where_the_farm_keeps_its_data(place: str, settings: Settings) -> None:
    assert fetch(entry(place), settings).folder == settings.data_dir / "models" / BUCKET / place


def test_workers_of_one_machine_fetch_each_file_once(
    place: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    stream = Storage.stream

    def counted(storage: Storage, key: str, start: int, version: str) -> Iterator[bytes]:
        asked.append(key)
        yield from stream(storage, key, start, version)

    monkeypatch.setattr(Storage, "stream", counted)
    with ThreadPoolExecutor(3) as workers:
        copies = list(workers.map(lambda _: fetch(entry(place), settings), range(3)))
    assert copies[0] == copies[1] == copies[2]
    assert len(asked) == len(set(asked)) == len(copies[0].files)


def test_a_disk_that_fills_up_meanwhile_is_explained(
    place: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Iterator[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Storage, "stream", full)
    with pytest.raises(FetchFailed, match=r"the disk is full: free some space, or let FARM_DATA_DIR"):
        fetch(entry(place), settings)


def test_a_copy_is_looked_at_mended_and_removed(place: str, settings: Settings) -> None:
    model = entry(place)
    assert look(model, settings).state == "not here"
    assert pull(model, settings).wrong == {}
    assert look(model, settings).state == "here"

    path = fetch(model, settings).folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-1])
    assert look(model, settings).state == "damaged"
    assert pull(model, settings).wrong == {}

    size = path.stat().st_size
    assert remove(model, settings) > size
    assert look(model, settings).state == "not here"
    with pytest.raises(FetchFailed, match="no copy"):
        remove(model, settings)


@pytest.mark.parametrize("path", ["s3://", "s3://models", "s3://models/", "s3:///folder"])
def test_a_bucket_without_a_folder_is_refused_in_the_catalog(path: str) -> None:
    with pytest.raises(ValidationError, match="s3://BUCKET/FOLDER"):
        tiny_pipelines.entry("sana", path)
