"""Fixtures: the package with plugins that docs/plugins.md names as an example, built and installed as anybody's is."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.plugins import load_plugin, plugin_names

EXAMPLE = Path(__file__).parent / "plugins" / "latent-farm-example"


@pytest.fixture(scope="session")
def example_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package is installed, as a wheel; a process with it in its path has the plugins."""
    folder = tmp_path_factory.mktemp("example")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=EXAMPLE, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture
def installed(example_plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process has the plugins, for one test."""
    monkeypatch.syspath_prepend(example_plugin)
    for cached in (plugin_names, load_plugin):
        cached.cache_clear()
    yield
    for cached in (plugin_names, load_plugin):
        cached.cache_clear()
