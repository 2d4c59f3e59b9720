"""`farm models`: what it says of the files on this machine is true, and a lock holds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import yaml

from farm.catalog import load_catalog
from farm.cli import main
from farm.settings import Settings
from tests.workers import tiny_pipelines
from tests.workers.fake_hub import FakeHub, standing_in
from tests.workers.orders import CPU
from workers.pipelines.load import LoadingFailed, load

REPO = "someone/tiny-sana"
WEIGHTS = "transformer/diffusion_pytorch_model.safetensors"


class Machine:
    """A machine with a catalog of one model on the Hub and one in a folder, and the command `farm models`."""

    def __init__(
        self, folder: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.hub, self.folder, self.lock, self.model = hub, folder, folder / "lock.yaml", folder / "model"
        self.catalog = folder / "catalog.yaml"
        sources = {"hubbed": {"repo": REPO, "revision": "main"}, "foldered": {"path": str(self.model)}}
        entries = {
            name: tiny_pipelines.entry("sana", source=source).model_dump(mode="json", exclude={"name"})
            for name, source in sources.items()
        }
        self.catalog.write_text(yaml.safe_dump({"models": entries}))
        self.lock.write_text("{}\n")
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.variables = {"FARM_CATALOG": f"{self.catalog},{self.lock}", "FARM_DATA_DIR": str(folder / "data")}
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)

    def models(self, *words: str, code: int = 0) -> str:
        """What the command says on both streams; it must end with that code."""
        self._monkeypatch.setattr(sys, "argv", ["farm", "models", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        assert ended.value.code == code, said.out + said.err
        return said.out + said.err

    def state(self, name: str) -> str:
        [line] = [line for line in self.models("list").splitlines() if line.startswith(f"{name}\t")]
        return line.split("\t")[2]

    def file(self, path: str) -> Path:
        [found] = (self.folder / "hub").rglob(path)
        return found


@pytest.fixture
def machine(
    tmp_path: Path,
    tiny_folder: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Machine]:
    with standing_in(monkeypatch, tmp_path) as hub:
        hub.repository(REPO).commit_folder(tiny_folder("sana"))
        shutil.copytree(tiny_folder("sana"), tmp_path / "model")
        yield Machine(tmp_path, hub, monkeypatch, capsys)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.resolve().write_bytes(data)


def test_a_model_is_pulled_listed_verified_and_removed(machine: Machine) -> None:
    assert machine.state("hubbed") == "not here"
    assert "hubbed: is here and as it should be" in machine.models("pull", "hubbed")
    assert machine.state("hubbed") == "here"
    assert "hubbed: is as it should be" in machine.models("verify", "hubbed")

    damage(machine.file(WEIGHTS))
    said = machine.models("verify", "hubbed", code=1)
    assert f"{machine.file(WEIGHTS)} is changed" in said

    assert "are free again" in machine.models("rm", "hubbed")
    assert machine.state("hubbed") == "not here"
    assert "holds no revision main" in machine.models("rm", "hubbed", code=1)


def test_a_process_of_its_own_takes_the_hub_and_the_cache_from_the_environment(machine: Machine) -> None:
    hub = {"HF_ENDPOINT": machine.hub.url, "HF_HOME": str(machine.folder / "home"), "HF_TOKEN": "mine"}
    machine.hub.repository(REPO).private = True
    machine.hub.tokens.add("mine")
    words = [sys.executable, "-m", "farm", "models", "pull", "hubbed"]
    done = subprocess.run(words, env=os.environ | hub, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "is here and as it should be" in done.stdout
    assert list((machine.folder / "home" / "hub").rglob(WEIGHTS))


def test_pulling_again_mends_what_is_damaged_and_fetches_nothing_else(machine: Machine) -> None:
    machine.models("pull", "hubbed")
    damage(machine.file(WEIGHTS))
    machine.hub.asked.clear()
    machine.models("pull", "hubbed")
    assert {path.rpartition("/")[2] for path in machine.hub.downloads()} == {WEIGHTS.rpartition("/")[2]}
    machine.models("verify", "hubbed")


def test_a_file_that_comes_wrong_again_and_again_is_named(machine: Machine) -> None:
    machine.hub.rotten.add(WEIGHTS)
    assert f"{WEIGHTS} is changed" in machine.models("pull", "hubbed", code=1)


def test_a_folder_of_yours_is_never_removed(machine: Machine) -> None:
    assert "remove that yourself" in machine.models("rm", "foldered", code=1)
    assert machine.state("foldered") == "here"


def test_an_unknown_model_is_answered_with_the_likeliest(machine: Machine) -> None:
    assert "did you mean 'hubbed'" in machine.models("pull", "hubed", code=2)


def test_a_lock_pins_the_commit_and_every_file(machine: Machine) -> None:
    # Given a lock of what the branch had then,
    machine.models("lock", "hubbed", "foldered", "--write", str(machine.lock))
    repository = machine.hub.repository(REPO)
    commit = repository.refs["main"]
    catalog = load_catalog(Settings(catalog=[machine.catalog, machine.lock]))
    assert catalog.model("hubbed").source.revision == commit
    assert {file.path for file in catalog.model("hubbed").lock} >= {WEIGHTS, "model_index.json"}
    # when the branch moves on,
    repository.commit(repository.commits[commit] | {WEIGHTS: b"other weights"})
    # then what is locked is what is fetched, on another machine too.
    shutil.rmtree(machine.folder / "hub")
    machine.models("pull", "hubbed")
    assert machine.file(WEIGHTS).read_bytes() == repository.commits[commit][WEIGHTS]


def test_a_folder_that_is_not_as_it_was_locked_is_not_loaded(machine: Machine) -> None:
    machine.models("lock", "foldered", "--write", str(machine.lock))
    entry = load_catalog(Settings(catalog=[machine.catalog, machine.lock])).model("foldered")
    assert load(entry, None, CPU).facts.weight_sha256[WEIGHTS]

    damage(machine.model / WEIGHTS)
    with pytest.raises(LoadingFailed, match=r"is changed: .* where the catalog's lock says"):
        load(entry, None, CPU)
    assert f"{WEIGHTS} is changed" in machine.models("verify", "foldered", code=1)


def test_a_file_that_is_not_in_the_lock_is_not_loaded(machine: Machine) -> None:
    machine.models("lock", "foldered", "--write", str(machine.lock))
    entry = load_catalog(Settings(catalog=[machine.catalog, machine.lock])).model("foldered")
    added = machine.model / "transformer" / "added.safetensors"
    shutil.copy(machine.model / WEIGHTS, added)
    with pytest.raises(LoadingFailed, match=r"added\.safetensors is not in the catalog's lock"):
        load(entry, None, CPU)


def test_a_damaged_model_is_never_locked(machine: Machine) -> None:
    machine.models("pull", "hubbed")
    damage(machine.file(WEIGHTS))
    assert "is changed" in machine.models("lock", "hubbed", "--write", str(machine.lock), code=1)
    assert not load_catalog(Settings(catalog=[machine.catalog, machine.lock])).model("hubbed").lock


def test_a_lock_file_keeps_what_else_it_says(machine: Machine) -> None:
    machine.lock.write_text("models: {hubbed: {title: Mine}}\npools: {mine: {model: hubbed}}\n")
    machine.models("lock", "hubbed", "--write", str(machine.lock))
    catalog = load_catalog(Settings(catalog=[machine.catalog, machine.lock]))
    assert catalog.model("hubbed").title == "Mine"
    assert catalog.model("hubbed").lock
    assert catalog.pool("mine").model == "hubbed"
    # And to stdout, as a catalog file of its own.
    assert yaml.safe_load(machine.models("lock", "foldered").partition("#")[2].partition("\n")[2])["models"]["foldered"]


def test_pickled_weights_are_loaded_only_where_the_catalog_says_so(machine: Machine) -> None:
    folder = machine.model
    state = load(tiny_pipelines.entry("sana", folder), None, CPU).family.pipeline.transformer.state_dict()
    torch.save(state, folder / WEIGHTS.replace(".safetensors", ".bin"))
    (folder / WEIGHTS).unlink()
    with pytest.raises(LoadingFailed, match="only pickled weights"):
        load(tiny_pipelines.entry("sana", folder), None, CPU)

    allowed = tiny_pipelines.entry("sana", source={"path": str(folder), "pickle": True})
    loaded = load(allowed, None, CPU)
    assert all(
        torch.equal(weights, state[name]) for name, weights in loaded.family.pipeline.transformer.state_dict().items()
    )
    pickled = folder / WEIGHTS.replace(".safetensors", ".bin")
    pickled.write_bytes(pickled.read_bytes()[:-100])
    with pytest.raises(LoadingFailed, match=r"\.bin is truncated"):
        load(allowed, None, CPU)
