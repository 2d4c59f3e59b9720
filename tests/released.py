"""The code of the version before: what CHANGELOG.md names last, from the checkout's own history."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


#: From this migration on a migration keeps what processes of the version before need (docs/contributing.md).
RULE_SINCE = "0014"


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the last released version as pip installs it; a process with it in its path runs that version."""
    return _installed(released_commit(), tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="session")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the version whose processes may stay while this one comes."""
    return _installed(neighbour_commit(), tmp_path_factory.mktemp("neighbour"))


def _installed(commit: str, folder: Path) -> Path:
    (folder / "source").mkdir()
    # Not by tarfile: what it asks for since Python 3.12 came with 3.11.4, and Debian 12 has 3.11.2.
    archive = _git("archive", "--format=tar", commit)
    subprocess.run(["tar", "--extract", "--directory", str(folder / "source")], input=archive, check=True)
    install = ("install", "-q", "--no-deps", "--no-build-isolation", "--no-index", "--target")
    command = [sys.executable, "-m", "pip", *install, str(folder / "installed"), str(folder / "source")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "installed"


def neighbour_commit() -> str:
    """The last released version; as long as that is older than the rule, the commit that brought its first schema.

    Skips the test, and says why, in a checkout without the history.
    """
    released = released_commit()
    if _newest_migration(released) >= RULE_SINCE:
        return released
    for commit in _git("rev-list", "HEAD", "--", "migrations/versions").decode().split():
        if _newest_migration(commit) == RULE_SINCE:
            return commit
    pytest.skip(f"this checkout has no history that reaches back to migration {RULE_SINCE}")


def _newest_migration(commit: str) -> str:
    names = _git("ls-tree", "--name-only", commit, "migrations/versions/").decode().split()
    return max(name.rpartition("/")[2].partition("_")[0] for name in names if name[-3:] == ".py")


def released_commit() -> str:
    """The commit of the tag of the last version, or the one that gave the project its number.

    Skips the test, and says why, in a checkout without the history.
    """
    found = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, "CHANGELOG.md names no version"
    version = found[1]
    try:
        if tag := _git("tag", "--list", f"v{version}").decode().strip():
            return tag
        asked = ("log", "--reverse", "--format=%H", f'-Sversion = "{version}"', "--", "pyproject.toml")
        commits = _git(*asked).decode().split()
        shallow = _git("rev-parse", "--is-shallow-repository").decode().strip() == "true"
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"the code of {version} is read from git, and this is no checkout of it: {error}")
    if shallow or not commits:
        pytest.skip(f"this checkout has no history that reaches back to {version}: neither a tag nor its commit")
    return commits[0]


def _git(*arguments: str) -> bytes:
    # Hooks set GIT_DIR and the like for another repository than this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    owned = ("-c", f"safe.directory={ROOT}")
    return subprocess.run(
        ["git", *owned, "-C", str(ROOT), *arguments], check=True, capture_output=True, env=environment
    ).stdout
