"""Loading: what is loaded is what the catalog says, and what cannot be loaded is explained."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.workers import tiny_pipelines
from tests.workers.orders import CPU
from workers.families.family_registry import UnknownFamily, find_family
from workers.families.wan import WanFamily
from workers.pipelines.load import LoadingFailed, choose_device, load

Folders = Callable[[str], Path]
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def folder(tiny_folder: Folders, tmp_path: Path) -> Path:
    """A copy of a tiny Sana that a test may damage."""
    return Path(shutil.copytree(tiny_folder("sana"), tmp_path / "model"))


def refusal(folder: Path, family: str = "sana", **changes: object) -> str:
    """Why the model is not loaded."""
    with pytest.raises(LoadingFailed) as failed:
        load(tiny_pipelines.entry(family, folder, **changes), None, CPU)
    return str(failed.value)


def test_each_component_has_the_dtype_that_the_catalog_says(tiny_folder: Folders) -> None:
    dtype = {"default": "bfloat16", "vae": "float32"}
    loaded = load(tiny_pipelines.entry("wan", tiny_folder("wan"), dtype=dtype), None, CPU)
    pipeline = loaded.family.pipeline
    assert isinstance(loaded.family, WanFamily)
    assert pipeline.transformer.dtype == pipeline.text_encoder.dtype == torch.bfloat16
    assert pipeline.vae.dtype == torch.float32


def test_the_facts_name_the_weights_by_hash_and_the_versions(tiny_folder: Folders) -> None:
    place = tiny_folder("sana")
    facts = load(tiny_pipelines.entry("sana", place), None, CPU).facts
    assert facts.weight_sha256[WEIGHTS] == hashlib.sha256((place / WEIGHTS).read_bytes()).hexdigest()
    assert {name.split("/")[0] for name in facts.weight_sha256} == {"transformer", "vae", "text_encoder"}
    assert facts.versions["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert facts.torch_threads == torch.get_num_threads()
    assert facts.device.startswith("CPU: ")


def test_a_model_inside_a_package_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "some_models"
    tiny_pipelines.save("sprint", package / "weights" / "tiny")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    loaded = load(tiny_pipelines.entry("sprint", "package:some_models/weights/tiny"), None, CPU)
    assert loaded.facts.source == "package:some_models/weights/tiny"


def test_tiling_of_the_vae_is_switched_on(tiny_folder: Folders) -> None:
    tiling = {"tile_sample_min_height": 16, "tile_sample_min_width": 16}
    loaded = load(tiny_pipelines.entry("sana", tiny_folder("sana"), vae_tiling=tiling), None, CPU)
    assert loaded.family.pipeline.vae.use_tiling
    assert loaded.family.pipeline.vae.tile_sample_min_height == 16


def test_a_truncated_file_is_named_with_both_sizes(folder: Path) -> None:
    path = folder / WEIGHTS
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    reason = refusal(folder)
    assert str(path) in reason
    assert f"{len(whole) - 100} bytes" in reason
    assert str(len(whole)) in reason


@pytest.mark.parametrize("content", [b"", b"<html>502 Bad Gateway</html>", b"\x10\0\0\0\0\0\0\0not json at all!"])
def test_a_file_that_is_no_safetensors_is_named(folder: Path, content: bytes) -> None:
    (folder / WEIGHTS).write_bytes(content)
    assert str(folder / WEIGHTS) in refusal(folder)


def test_pickled_weights_are_not_loaded(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return open, (str(folder / "exploded"), "w")  # type: ignore[return-value]

    for path in folder.rglob("*.safetensors"):
        path.unlink()
        torch.save(Bomb(), path.with_suffix(".bin"))
    assert "pickled" in refusal(folder)
    assert not (folder / "exploded").exists()


def test_one_pickled_component_among_safetensors_is_not_loaded_either(folder: Path) -> None:
    (folder / WEIGHTS).rename((folder / WEIGHTS).with_suffix(".bin"))
    assert "safetensors" in refusal(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"the folder {tmp_path / 'nowhere'}" in refusal(tmp_path / "nowhere")


def test_a_folder_without_an_index_is_explained(tmp_path: Path) -> None:
    assert "model_index.json is missing" in refusal(tmp_path)


def test_a_missing_component_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "vae")
    assert str(folder / "vae") in refusal(folder)


def test_the_pipeline_of_another_family_is_refused_before_weights_are_read(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert "says SanaPipeline, and the family 'wan' drives WanPipeline" in refusal(folder, "wan")


def test_weights_of_another_shape_are_refused_with_the_folder(folder: Path) -> None:
    save_file({"nonsense": torch.zeros(1)}, folder / WEIGHTS)
    assert str(folder) in refusal(folder)


def test_a_wan_that_this_family_cannot_drive_is_refused(tiny_folder: Folders, tmp_path: Path) -> None:
    place = Path(shutil.copytree(tiny_folder("wan"), tmp_path / "model"))
    index = json.loads((place / "model_index.json").read_text())
    (place / "model_index.json").write_text(json.dumps(index | {"boundary_ratio": 0.9}))
    assert "Wan 2.2" in refusal(place, "wan")


def test_without_a_network_a_model_of_the_hub_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given a Hub that is offline for us and a cache that is empty,
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    # when a model of the Hub is loaded,
    source = {"repo": "nobody/nothing", "revision": "main"}
    with pytest.raises(LoadingFailed, match=r"nobody/nothing at revision main could not be fetched: .*cache"):
        load(tiny_pipelines.entry("sana", source=source), None, CPU)


def test_a_device_that_is_not_there_is_explained() -> None:
    assert choose_device("auto", "cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        assert choose_device("auto", "auto") == torch.device("cpu")
        with pytest.raises(LoadingFailed, match=r"'cuda:3' was asked for.*sees 0 CUDA devices"):
            choose_device("cuda:3", "cpu")


def test_a_family_that_nobody_brings_is_refused_with_those_installed() -> None:
    with pytest.raises(UnknownFamily, match=r"'nope'; installed: .*sana, .*sprint, wan"):
        find_family("nope")
