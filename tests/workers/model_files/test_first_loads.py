"""A model's folder without a lock is held to what it was when it was loaded first, on every machine."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from farm.catalog import ModelEntry, load_catalog
from farm.cli import main
from farm.settings import Settings, load_settings
from tests.workers import tiny_pipelines
from tests.workers.engine.test_process import EngineProcess, environment, spool
from tests.workers.orders import CPU
from workers.model_files.check_files import check
from workers.model_files.download import fetch
from workers.model_files.first_loads import FirstLoads, held_folder
from workers.model_files.weights import BadWeights
from workers.pipelines.load import LoadingFailed, load
from workers.protocol import LoadFailed

__all__ = ["environment", "spool"]
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def folder(tiny_folder: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder("sana"), tmp_path / "model"))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, database_url=SecretStr(database_url))


@pytest.fixture
def first_loads(settings: Settings) -> FirstLoads:
    return FirstLoads(settings, clock=lambda: 1_800_000_000.0)


def flip(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def refusal(entry: ModelEntry, first_loads: FirstLoads) -> str:
    with pytest.raises(LoadingFailed) as failed:
        load(entry, None, CPU, first_loads=first_loads)
    return str(failed.value)


def test_a_flipped_byte_is_not_loaded_after_the_first_load(folder: Path, first_loads: FirstLoads) -> None:
    entry = tiny_pipelines.entry("sana", folder)
    for _ in range(2):
        load(entry, None, CPU, first_loads=first_loads)
    flip(folder / WEIGHTS)
    said = refusal(entry, first_loads)
    assert f"{folder / WEIGHTS} is changed" in said
    assert "where its first load (" in said
    assert "2027-01-15 08:00 UTC" in said
    assert f"farm models accept {entry.name}" in said
    flip(folder / WEIGHTS)
    load(entry, None, CPU, first_loads=first_loads)


@SQLITE
def test_configurations_added_and_missing_files_are_seen_too(folder: Path, first_loads: FirstLoads) -> None:
    entry = tiny_pipelines.entry("sana", folder)
    load(entry, None, CPU, first_loads=first_loads)
    config = folder / "transformer" / "config.json"
    before = config.read_text()
    config.write_text(before + "\n")
    assert f"{config} is changed" in refusal(entry, first_loads)
    config.write_text(before)
    shutil.copy(folder / WEIGHTS, folder / "transformer" / "added.safetensors")
    assert "added.safetensors is not in its first load" in refusal(entry, first_loads)


@SQLITE
def test_what_could_not_be_loaded_binds_nobody(folder: Path, first_loads: FirstLoads) -> None:
    entry = tiny_pipelines.entry("sana", folder)
    config = folder / "transformer" / "config.json"
    right = config.read_text()
    config.write_text(right.replace('"num_layers": ', '"num_layers": 1'))
    refusal(entry, first_loads)
    config.write_text(right)
    load(entry, None, CPU, first_loads=first_loads)


def test_of_two_workers_that_load_different_copies_at_once_one_counts(folder: Path, first_loads: FirstLoads) -> None:
    entry = tiny_pipelines.entry("sana", folder)
    first_loads.keep(entry, fetch(entry), check(fetch(entry)))
    flip(folder / WEIGHTS)  # as it is on the machine of the other, which found nothing known as it began
    with pytest.raises(BadWeights, match="is changed"):
        first_loads.keep(entry, fetch(entry), check(fetch(entry)))


@SQLITE
def test_a_lock_of_the_catalog_goes_before(folder: Path, first_loads: FirstLoads) -> None:
    entry = tiny_pipelines.entry("sana", folder)
    load(entry, None, CPU, first_loads=first_loads)
    assert held_folder(entry) == str(folder)
    locked = entry.model_copy(update={"lock": first_loads.known(entry).files})  # type: ignore[union-attr]
    assert held_folder(locked) is None
    assert held_folder(tiny_pipelines.entry("sana", source={"repo": "a/b", "revision": "main"})) is None
    assert held_folder(tiny_pipelines.entry("sana", source={"path": "s3://bucket/folder"})) is None
    newer = tiny_pipelines.entry("sana", source={"path": str(folder), "revision": "2"})
    assert held_folder(newer) == f"{folder}#revision=2"
    packaged = tiny_pipelines.entry("sana", source={"path": "package:diffusers/models"})
    assert str(held_folder(packaged)).startswith("package:diffusers/models#version=0.")


def test_a_database_that_cannot_be_asked_is_told(folder: Path, tmp_path: Path) -> None:
    empty = Settings(data_dir=tmp_path, database_url=SecretStr(f"sqlite:///{tmp_path}/empty.sqlite3"))
    said = refusal(tiny_pipelines.entry("sana", folder), FirstLoads(empty))
    assert "the farm's database cannot say whether the folder is as it was loaded first" in said


@SQLITE
def test_a_worker_refuses_it_until_somebody_accepts_the_change(
    folder: Path,
    first_loads: FirstLoads,
    environment: dict[str, str],
    spool: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    catalog = Path(environment["FARM_CATALOG"])
    [path] = {line.split("path: ")[1].strip(" }") for line in catalog.read_text().splitlines() if "path: " in line}
    catalog.write_text(catalog.read_text().replace(path, str(folder)))
    environment = environment | {"FARM_DATABASE_URL": database_url}
    for name in ("FARM_CATALOG", "FARM_DATABASE_URL", "FARM_DATA_DIR"):
        monkeypatch.setenv(name, environment[name])

    def models(*words: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["farm", "models", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert ended.value.code == code, said
        return said.out + said.err

    entry = load_catalog(load_settings()).model("tiny-sana")
    load(entry, None, CPU, first_loads=first_loads)
    assert "is as it should be" in models("verify", "tiny-sana")
    flip(folder / WEIGHTS)
    engine = EngineProcess(environment, spool, "--hold-folders")
    assert "farm models accept tiny-sana" in engine.hear(LoadFailed).reason
    assert engine.end()[0] == 3
    assert f"{WEIGHTS} is changed" in models("verify", "tiny-sana", code=1)
    assert "1 files are not as they were" in models("accept", "tiny-sana")
    load(entry, None, CPU, first_loads=first_loads)
