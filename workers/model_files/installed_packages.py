"""What has brought which packages, read once: diffusers and transformers ask for it too, as they are imported."""

import importlib.metadata
import os
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import packages_distributions, version


def read_installed() -> Mapping[str, list[str]]:
    """By package the names of what brought it: from the records of all that is installed, anew when that has changed.

    It takes half a second of a core.
    """
    return _installed(tuple((folder, os.stat(folder).st_mtime_ns) for folder in sys.path if os.path.isdir(folder)))


def share_reading() -> None:
    """Answer all of this process who ask `importlib.metadata` with that one reading. Before they are imported."""
    importlib.metadata.packages_distributions = read_installed


def release(package: str) -> str | None:
    """The version of what a package was installed with; None if nothing says so."""
    names = read_installed().get(package)
    return version(names[0]) if names else None


@lru_cache(maxsize=1)
def _installed(folders_and_times: tuple[tuple[str, int], ...]) -> Mapping[str, list[str]]:
    return packages_distributions()
