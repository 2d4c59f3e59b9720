"""The safety checker of deploy/nudenet with its real model: built and installed as a package, on a photograph."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

import deploy
from farm.accounts import create_project
from farm.connections import Connections
from farm.errors import SettingsError
from farm.plugins import load_plugin, plugin_names
from tests.scheduler.conftest import catalog, clock
from tests.scheduler.jobs import render_rows, statuses, submit_job
from tests.workers.outputs.test_plugins import connections, files_of, finish, flat, spool
from workers.outputs.encode import Pixels
from workers.outputs.plugins import NotAllowed, OutputPlugins

__all__ = ["catalog", "clock", "connections", "spool"]
PACKAGE = Path(next(iter(deploy.__path__))) / "nudenet"
FACES = "FACE_FEMALE,FACE_MALE"  # a class that a photograph for everybody has


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nudenet")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture(autouse=True)
def installed(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(built)
    for cached in (plugin_names, load_plugin):
        cached.cache_clear()
    yield
    for cached in (plugin_names, load_plugin):
        cached.cache_clear()


def photograph() -> Pixels:
    """Grace Hopper in uniform, as matplotlib ships her."""
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_photograph_for_everybody_passes_and_what_the_operator_names_is_found_in_picture_and_clip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert OutputPlugins("nudenet").show(photograph(), {}).objection is None
    load_plugin.cache_clear()
    monkeypatch.setenv("LATENT_FARM_NUDENET_CLASSES", FACES)
    plugins = OutputPlugins("nudenet")
    with pytest.raises(NotAllowed, match=r"the safety checker 'nudenet' objects: NudeNet found face \w+ \(score 0\.\d"):
        plugins.show(photograph(), {})
    empty = np.full_like(photograph(), 90)
    with pytest.raises(NotAllowed, match=r"found face .* in frame 2"):
        plugins.show_draft(np.stack([empty, empty, photograph()]), {})
    marked = OutputPlugins("nudenet", marks=True).show(photograph(), {})
    assert "NudeNet found face" in (marked.objection or "")


def test_by_setting_what_is_found_is_withheld_or_marked(
    connections: Connections, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATENT_FARM_NUDENET_CLASSES", FACES)
    ada = create_project(connections.engine, "ada", clock=connections.clock)
    withheld = submit_job(connections, ada, 2)
    finish(connections, spool, {0: photograph(), 1: flat()}, safety_checker="nudenet")
    assert statuses(connections, withheld) == ["failed", "done"]
    assert files_of(connections, withheld).keys() == {1}
    marked = submit_job(connections, ada, 2)
    finish(connections, spool, {0: photograph(), 1: flat()}, safety_checker="nudenet", safety_action="mark")
    assert statuses(connections, marked) == ["done", "done"]
    reasons = [row["reason"] for row in render_rows(connections, marked)]
    assert reasons[0].startswith("The output is marked: the safety checker 'nudenet' objects: NudeNet found face")
    assert reasons[1] is None


@pytest.mark.parametrize("action", ["withhold", "mark"])
def test_a_checker_that_breaks_lets_nothing_through(
    connections: Connections, spool: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    job = submit_job(connections, create_project(connections.engine, "ada", clock=connections.clock), 1)

    def breaks(*_: object) -> None:
        raise RuntimeError("the model is broken")

    monkeypatch.setattr("nudenet.NudeDetector.detect", breaks)
    finish(connections, spool, {0: flat()}, safety_checker="nudenet", safety_action=action)
    assert files_of(connections, job) == {}
    reason = render_rows(connections, job)[0]["reason"]
    assert "the safety checker 'nudenet' raised RuntimeError: the model is broken" in reason


@pytest.mark.parametrize(("name", "value"), [("CLASSES", "NUDITY"), ("THRESHOLD", "high"), ("FRAMES", "0")])
def test_a_worker_whose_checker_is_set_wrong_does_not_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"LATENT_FARM_NUDENET_{name}", value)
    with pytest.raises(SettingsError, match=rf"cannot be loaded: LATENT_FARM_NUDENET_{name} .*{value!r}"):
        OutputPlugins("nudenet")
