"""Known holes of the locked packages, by pip-audit: what is not known of a package is said, and is never 'none'."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.audit.locked import Locked


@dataclass(frozen=True)
class Hole:
    """One that is known, by all its names (of PyPI, OSV, CVE), and the versions that have it no more."""

    package: str
    version: str
    names: tuple[str, ...]
    mended: tuple[str, ...]

    def __str__(self) -> str:
        mended = ", ".join(self.mended) or "no version yet"
        return f"{self.package} {self.version}: {', '.join(self.names)}; mended in {mended}"


@dataclass
class Holes:
    """What the service said."""

    found: list[Hole] = field(default_factory=list)
    #: In words, packages of which nothing is known, or why the service could not be asked at all.
    unknown: list[str] = field(default_factory=list)


def ask(packages: Iterable[Locked], service: str = "osv", seconds: float = 600) -> Holes:
    """Ask a service of pip-audit ('osv' or 'pypi') about these versions; it may be any time until it answers."""
    wanted = {(package.name, package.version) for package in packages}
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "requirements.txt", Path(folder) / "answer.json"
        asked.write_text("".join(f"{name}=={version}\n" for name, version in sorted(wanted)))
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        options = ["--vulnerability-service", service, "--requirement", str(asked)]
        options += ["--format", "json", "--output", str(answer)]
        try:
            ran = subprocess.run([*command, *options], capture_output=True, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return Holes(unknown=[f"the service '{service}' has not answered within {seconds:g} s"])
        if not answer.exists() or not (text := answer.read_text().strip()):
            reason = (ran.stderr.strip().splitlines() or ["it says nothing"])[-1]
            return Holes(unknown=[f"the service '{service}' cannot be asked: {reason}"])
    return told(text, wanted)


def told(answer: str, wanted: Iterable[tuple[str, str]]) -> Holes:
    """What pip-audit's answer says of the packages that were asked for.

    It ends with 0 and 'no known vulnerabilities' also where the service knows none of the packages (pip-audit 2.10):
    so each must be in the answer, with a list of holes, to count as looked at.
    """
    holes, looked_at = Holes(), set()
    for package in json.loads(answer)["dependencies"]:
        name = package["name"]
        if "vulns" not in package:
            holes.unknown.append(f"{name}: {package.get('skip_reason', 'no reason given')}")
            looked_at.add(name)
            continue
        looked_at.add(name)
        for hole in package["vulns"]:
            names, mended = (hole["id"], *hole.get("aliases", [])), tuple(hole.get("fix_versions", []))
            holes.found.append(Hole(name, package["version"], names, mended))
    holes.unknown += [f"{name}: not in the answer" for name, _ in sorted(wanted) if name not in looked_at]
    return holes
