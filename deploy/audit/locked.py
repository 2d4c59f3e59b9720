"""The lines of the locks: which files of which package are installed, and where."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import NormalizedName, canonicalize_name

LOCKS = Path(__file__).parents[2] / "locks"
#: Everything that `make setup` installs but torch.
ALL = "all"
#: The images of deploy/docker, each installed from the lock of its name.
IMAGES = ("control", "worker-cpu", "worker-cuda")
_LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$")
_HASH = re.compile(r" +--hash=sha256:(?P<hash>[0-9a-f]{64})(?: \\)?$")
#: Where the farm is installed: on these systems, by these Pythons.
_HERE = [
    {
        "sys_platform": system,
        "platform_system": system.capitalize(),
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.0",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "platform_machine": machine,
    }
    for system in ("linux", "darwin")
    for minor in (11, 12, 13, 14)
    for machine in ("x86_64", "aarch64", "arm64")
]


@dataclass(frozen=True)
class Locked:
    """One package as it is locked."""

    name: NormalizedName
    version: str
    marker: str | None
    sha256: tuple[str, ...]  # of its files, any of which may be installed

    @property
    def installed_somewhere(self) -> bool:
        """Whether any machine that the farm runs on installs it; some are for browsers and Windows alone."""
        return self.marker is None or any(Marker(self.marker).evaluate(dict(place)) for place in _HERE)


def read_lock(name: str) -> list[Locked]:
    """The packages of locks/NAME.txt. Raises ValueError for a line that is none, with its number."""
    found: list[Locked] = []
    for number, line in enumerate((LOCKS / f"{name}.txt").read_text().splitlines(), start=1):
        if line.startswith("#") or not line:
            continue
        if package := _LINE.fullmatch(line):
            version, marker = package["version"], package["marker"]
            found.append(Locked(canonicalize_name(package["name"]), version, marker, ()))
        elif (file := _HASH.fullmatch(line)) and found:
            last = found[-1]
            found[-1] = Locked(last.name, last.version, last.marker, (*last.sha256, file["hash"]))
        else:
            raise ValueError(f"locks/{name}.txt:{number}: neither a package with its version nor a hash: {line!r}")
    return found
