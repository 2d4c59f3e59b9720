"""Environments as a stranger has them: our wheel, and only what it declares to need.

They are made without a network, from what is installed here: every file of every distribution in the closure of the
declared requirements is linked into a new environment. What somebody forgot to declare is missing there.
"""

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Collection, Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A freshly built wheel of this farm."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True)
    [path] = folder.glob("*.whl")
    return path


class CleanEnvironment:
    """A virtual environment with the wheel and the closure of its core and some of its extras."""

    def __init__(self, folder: Path, wheel: Path, extras: Collection[str]) -> None:
        venv.create(folder, symlinks=True, with_pip=False)
        self.folder = folder
        self.bin = folder / "bin"
        [self._packages] = folder.glob("lib/python*/site-packages")
        for needed in closure(wheel, extras):
            self._link(needed)
        self._install(wheel)

    def variables(self, data: Path, **more: str) -> dict[str, str]:
        """The environment of a process that knows nothing of this repository or of another farm."""
        path = f"{self.bin}{os.pathsep}/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(data), "FARM_DATA_DIR": str(data), "OMP_NUM_THREADS": "1", **more}

    def _install(self, wheel: Path) -> None:
        """Unpack it and write its command, as pip does, in a tenth of the time."""
        zipfile.ZipFile(wheel).extractall(self._packages)
        command = self.bin / "farm"
        command.write_text(f"#!{self.bin}/python\nfrom farm.cli import main\n\nmain()\n")
        command.chmod(0o755)

    def _link(self, needed: Distribution) -> None:
        """Link what it has beside other packages by its outermost folders, and what it has elsewhere file by file."""
        files = [file for file in needed.files or [] if not _starts_this_python(Path(str(needed.locate_file(file))))]
        for place in {Path(file.parts[0]) if file.parts[0] != ".." else Path(file) for file in files}:
            target = self._packages / place
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():  # several distributions may share a folder
                target.symlink_to(Path(str(needed.locate_file(place))).resolve())


def closure(wheel: Path, extras: Collection[str]) -> Iterator[Distribution]:
    """The installed distributions that the wheel's core and these extras need, and what those need in turn."""
    [metadata] = [path for path in zipfile.Path(wheel).iterdir() if path.name.endswith(".dist-info")]
    declared = PathDistribution(metadata).requires or []  # type: ignore[arg-type]
    waiting: list[tuple[list[str], frozenset[str]]] = [(declared, frozenset(extras))]
    seen: dict[NormalizedName, frozenset[str]] = {}
    while waiting:
        texts, wanted = waiting.pop()
        for requirement in map(Requirement, texts):
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted or {""}):
                continue
            name = canonicalize_name(requirement.name)
            more = frozenset(requirement.extras) - seen.get(name, frozenset())
            if name in seen and not more:
                continue
            if name == "latent-farm":  # an extra that names others
                waiting.append((declared, frozenset(requirement.extras)))
                continue
            found = distribution(name)
            assert requirement.specifier.contains(found.version, prereleases=True), f"{requirement}: {found.version}"
            if name not in seen:
                yield found
            seen[name] = seen.get(name, frozenset()) | more
            waiting.append((found.requires or [], seen[name] | {""}))


def _starts_this_python(path: Path) -> bool:
    """Whether it is a script, which would start the Python that runs these tests."""
    if path.parent.name != "bin" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(2) == b"#!"
