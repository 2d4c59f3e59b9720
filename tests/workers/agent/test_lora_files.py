"""LoRA files on the worker: uploaded ones from the bucket, the catalog's from a folder or the Hub, each checked."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from farm.catalog.adapters import AdapterEntry
from tests.workers.agent.test_input_pictures import Bucket
from tests.workers.fake_hub import standing_in
from workers.agent.lora_files import AdapterFiles, civitai_hash
from workers.protocol import adapter_file

WEIGHTS = b"a tiny LoRA"
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


def entry(sha256: str = SHA256, **source: Any) -> dict[str, AdapterEntry]:
    body = {"name": "ink", "title": "Ink", "models": ["sana-demo"], "source": {**source, "sha256": sha256}}
    return {"ink": AdapterEntry.model_validate(body)}


def files(
    folder: Path, entries: Mapping[str, AdapterEntry], bucket: Any = None, key: str | None = None
) -> dict[str, str]:
    adapter = {"name": "ink", "weight": 0.5, "sha256": SHA256, "key": key}
    store: Any = bucket or Bucket()
    return AdapterFiles(store, folder / "adapters", entries).files_for({"loras": [adapter]}, "render")


def test_an_uploaded_adapter_is_fetched_from_the_bucket(tmp_path: Path) -> None:
    found = files(tmp_path, {}, Bucket(one=WEIGHTS), key="one")
    assert Path(found[adapter_file(SHA256)]).read_bytes() == WEIGHTS
    assert found[adapter_file(SHA256)].endswith(".safetensors")


def test_an_adapter_of_the_catalog_is_read_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "ink.safetensors"
    path.write_bytes(WEIGHTS)
    assert files(tmp_path, entry(path=str(path))) == {adapter_file(SHA256): str(path)}


def test_an_adapter_of_the_catalog_is_fetched_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with standing_in(monkeypatch, tmp_path) as hub:
        hub.repository("someone/ink").commit({"ink.safetensors": WEIGHTS})
        found = files(tmp_path, entry(repo="someone/ink", revision="main", file="ink.safetensors"))
        assert Path(found[adapter_file(SHA256)]).read_bytes() == WEIGHTS
        assert files(tmp_path, entry(repo="someone/none", revision="main", file="ink.safetensors")) == {}


def test_what_is_gone_or_has_other_bytes_than_the_render_asks_for_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ink.safetensors"
    assert files(tmp_path, entry(path=str(path))) == {}
    path.write_bytes(b"another LoRA")
    assert files(tmp_path, entry(path=str(path))) == {}
    assert files(tmp_path, {}) == {}
    assert files(tmp_path, {}, Bucket(one=b"another LoRA"), key="one") == {}


def test_the_hash_for_civitai_is_of_the_tensors_and_not_of_what_the_header_says(tmp_path: Path) -> None:
    tensors = {"layer.lora_A.weight": np.arange(12, dtype=np.float32).reshape(3, 4)}
    paths = [tmp_path / "plain.safetensors", tmp_path / "told.safetensors"]
    paths[0].write_bytes(save(tensors))
    paths[1].write_bytes(save(tensors, metadata={"trained_by": "somebody"}))
    expected = hashlib.sha256(tensors["layer.lora_A.weight"].tobytes()).hexdigest()[:12]
    assert [civitai_hash(path) for path in paths] == [expected, expected]


def test_a_render_knows_the_hashes_of_its_own_adapters(tmp_path: Path) -> None:
    known = AdapterFiles(Bucket(one=WEIGHTS), tmp_path / "adapters", {})  # type: ignore[arg-type]
    asked = {"loras": [{"name": "ink", "weight": 0.5, "sha256": SHA256, "key": "one"}]}
    assert known.civitai_hashes(asked) == {}
    known.files_for(asked, "render")
    assert known.civitai_hashes(asked).keys() == {SHA256}
    assert known.civitai_hashes({"loras": []}) == {}
