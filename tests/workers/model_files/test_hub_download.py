"""Models of the Hub: at the commit that was asked for, whole, checked, and every refusal explained."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from farm.catalog import ModelEntry
from tests.workers import tiny_pipelines
from tests.workers.fake_hub import FakeHub, Repository, standing_in
from tests.workers.orders import CPU
from workers.model_files import disk_space
from workers.model_files.download import FetchFailed, fetch
from workers.pipelines.load import LoadingFailed, load

REPO = "someone/tiny-sana"
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with standing_in(monkeypatch, tmp_path) as hub:
        yield hub


@pytest.fixture
def repository(hub: FakeHub, tiny_folder: Callable[[str], Path]) -> Repository:
    """A tiny Sana at the head of `main`."""
    repository = hub.repository(REPO)
    repository.commit_folder(tiny_folder("sana"))
    return repository


def entry(revision: str = "main", **source: object) -> ModelEntry:
    return tiny_pipelines.entry("sana", source={"repo": REPO, "revision": revision, **source})


def refusal(found: ModelEntry) -> str:
    with pytest.raises(FetchFailed) as failed:
        fetch(found)
    return str(failed.value)


def test_a_model_of_a_branch_is_loaded_and_named_by_its_commit(hub: FakeHub, repository: Repository) -> None:
    loaded = load(entry(), None, CPU)
    data = repository.commits[repository.refs["main"]][WEIGHTS]
    assert loaded.facts.revision == repository.refs["main"]
    assert loaded.facts.weight_sha256[WEIGHTS] == hashlib.sha256(data).hexdigest()
    assert loaded.family.pipeline.transformer.dtype == torch.float32


def test_a_pinned_commit_stays_when_the_branch_moves_on(hub: FakeHub, repository: Repository) -> None:
    first = repository.refs["main"]
    files = dict(repository.commits[first])
    second = repository.commit(files | {WEIGHTS: b"other weights"})
    assert (fetch(entry(first)).folder / WEIGHTS).read_bytes() == files[WEIGHTS]
    assert fetch(entry(second)).revision == second
    assert fetch(entry("main")).revision == second


def test_only_what_is_read_is_fetched(hub: FakeHub, repository: Repository) -> None:
    files = dict(repository.commits[repository.refs["main"]])
    others = ["transformer/diffusion_pytorch_model.fp16.safetensors", "all-in-one.safetensors", "picture.png"]
    others += ["transformer/diffusion_pytorch_model.bin", "transformer/code.py", "unknown/model.safetensors"]
    repository.commit(files | dict.fromkeys(others, b"not this"))
    fetched = fetch(entry())
    here = {path.relative_to(fetched.folder).as_posix() for path in fetched.folder.rglob("*") if path.is_file()}
    assert not here & set(others)
    assert here == {file.path for file in fetched.files}


def test_a_variant_is_fetched_where_a_component_has_it(hub: FakeHub, repository: Repository) -> None:
    files = dict(repository.commits[repository.refs["main"]])
    variant = "transformer/diffusion_pytorch_model.fp16.safetensors"
    repository.commit(files | {variant: files[WEIGHTS]})
    fetched = fetch(entry(variant="fp16"))
    assert variant in fetched.weights
    assert WEIGHTS not in fetched.weights
    assert "vae/diffusion_pytorch_model.safetensors" in fetched.weights


def test_a_single_file_is_fetched_instead_of_the_weights_of_its_component(hub: FakeHub, repository: Repository) -> None:
    files = dict(repository.commits[repository.refs["main"]])
    repository.commit(files | {"files/sana.safetensors": files.pop(WEIGHTS), WEIGHTS: b"not this"})
    found = entry(single_file={"transformer": "files/sana.safetensors"})
    assert "files/sana.safetensors" in load(found, None, CPU).facts.weight_sha256
    assert "has no file sana.gguf: check 'source.single_file'" in refusal(
        entry(single_file={"transformer": "sana.gguf"})
    )


def test_what_is_here_at_a_pinned_commit_asks_nobody(hub: FakeHub, repository: Repository) -> None:
    pinned = entry(repository.refs["main"])
    fetch(pinned)
    hub.asked.clear()
    assert fetch(pinned).revision == repository.refs["main"]
    assert hub.asked == []


def test_a_hub_that_is_away_is_no_trouble_for_what_is_here(hub: FakeHub, repository: Repository) -> None:
    fetch(entry())
    hub.stop()
    assert load(entry(), None, CPU).facts.revision == repository.refs["main"]


def test_offline_the_cache_is_used_and_nobody_asked(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(entry())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()
    assert load(entry(), None, CPU).facts.revision == repository.refs["main"]
    assert hub.asked == []


def test_offline_a_part_of_a_model_is_not_taken_for_the_whole(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = fetch(entry()).folder / WEIGHTS
    place.unlink()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    reason = refusal(entry())
    assert "a part" in reason
    assert "HF_HUB_OFFLINE is set" in reason
    assert "farm models pull" in reason


def test_a_download_that_breaks_off_goes_on_where_it_ended(hub: FakeHub, repository: Repository) -> None:
    files = dict(repository.commits[repository.refs["main"]])
    hub.cut = len(files[WEIGHTS]) // 2
    fetched = fetch(entry())
    for file in fetched.files:
        assert (fetched.folder / file.path).read_bytes() == files[file.path]
    assert hub.cut == 0


def test_bytes_that_are_not_what_the_hub_promised_are_never_loaded(hub: FakeHub, repository: Repository) -> None:
    hub.rotten.add(WEIGHTS)
    with pytest.raises(LoadingFailed, match=r"diffusion_pytorch_model.safetensors is changed: .* where the Hub says"):
        load(entry(), None, CPU)


@pytest.mark.parametrize("path", [WEIGHTS, "transformer/config.json"])
def test_a_file_that_was_changed_in_the_cache_is_named(hub: FakeHub, repository: Repository, path: str) -> None:
    place = fetch(entry()).folder / path
    data = bytearray(place.read_bytes())
    data[-2] ^= 1
    place.resolve().write_bytes(data)
    with pytest.raises(LoadingFailed) as failed:
        load(entry(), None, CPU)
    assert f"{place} is changed" in str(failed.value)
    assert "farm models pull tiny-sana" in str(failed.value)


def test_a_repository_that_is_not_there_is_explained(hub: FakeHub) -> None:
    assert "no such repository, or it is private" in refusal(entry())


def test_a_private_repository_is_read_with_the_token(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.private = True
    hub.tokens.add("mine")
    assert "set HF_TOKEN" in refusal(entry())
    monkeypatch.setenv("HF_TOKEN", "mine")
    assert fetch(entry()).revision == repository.refs["main"]
    # The storage that the Hub redirects to has signed addresses; the token is not for it.
    assert hub.leaks == []


def test_a_token_that_the_hub_does_not_know_is_explained(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    reason = refusal(entry())
    assert "does not accept the token in HF_TOKEN" in reason
    assert "hf_expired" not in reason


@pytest.mark.parametrize("token", [None, "somebody"])
def test_a_gated_model_says_whose_licence_is_to_be_accepted(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    repository.gated = True
    hub.tokens |= {"somebody", "invited"}
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    assert "it is gated: accept its licence" in refusal(entry())
    monkeypatch.setenv("HF_TOKEN", "invited")
    assert fetch(entry()).revision == repository.refs["main"]


def test_a_revision_that_is_not_there_is_explained(hub: FakeHub, repository: Repository) -> None:
    assert "no such revision: check 'revision'" in refusal(entry("v9"))


@pytest.mark.parametrize(
    ("status", "words"), [(403, "may not read it"), (429, "less often"), (503, "answers with 503")]
)
def test_a_refusal_of_the_hub_is_explained(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _seconds: None)
    hub.status = status
    assert words in refusal(entry())


def test_a_hub_that_cannot_be_reached_is_named(hub: FakeHub) -> None:
    hub.stop()
    reason = refusal(entry())
    assert f"the Hub ({hub.url}) cannot be reached" in reason


def test_a_repository_that_is_no_pipeline_is_explained(hub: FakeHub) -> None:
    hub.repository(REPO).commit({"config.json": b"{}", "model.safetensors": b"x"})
    assert "no model_index.json" in refusal(entry())


def test_a_component_without_files_is_named(hub: FakeHub, repository: Repository) -> None:
    files = repository.commits[repository.refs["main"]]
    repository.commit({path: data for path, data in files.items() if not path.startswith("vae/")})
    assert "the component 'vae'" in refusal(entry())


def test_pickled_weights_are_neither_fetched_nor_loaded(hub: FakeHub, repository: Repository) -> None:
    files = dict(repository.commits[repository.refs["main"]])
    files[WEIGHTS.replace(".safetensors", ".bin")] = files.pop(WEIGHTS)
    repository.commit(files)
    assert "only pickled weights" in refusal(entry())
    assert not any(path.endswith(".bin") for path in hub.downloads())


def test_a_full_disk_is_said_before_anything_large_is_fetched(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "SPARE_BYTES", 10**18)
    reason = refusal(entry())
    assert "the disk is full" in reason
    assert "HF_HOME" in reason
    assert not any(path.endswith(".safetensors") for path in hub.downloads())


def test_a_disk_that_fills_up_meanwhile_is_explained(
    hub: FakeHub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    assert "the disk is full: free some space, or let HF_HOME" in refusal(entry())


def test_a_missing_shard_is_named(hub: FakeHub, repository: Repository) -> None:
    files = dict(repository.commits[repository.refs["main"]])
    first = "transformer/diffusion_pytorch_model-00001-of-00002.safetensors"
    second = first.replace("00001-of", "00002-of")
    names = {"a": first.partition("/")[2], "b": second.partition("/")[2]}
    files[first] = files.pop(WEIGHTS)
    files["transformer/diffusion_pytorch_model.safetensors.index.json"] = json.dumps({"weight_map": names}).encode()
    repository.commit(files)
    with pytest.raises(LoadingFailed, match=r"00002-of-00002.safetensors is missing, and .*index.json names it"):
        load(entry(), None, CPU)
