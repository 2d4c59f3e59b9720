"""Disks that are soon full: file systems of their own in memory, where mounting is allowed."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_PIECES = (1024 * 1024, 4096, 1)


@contextmanager
def small_disk(folder: Path, limit: str) -> Iterator[Path]:
    """A file system of its own that takes no more than the option `limit` of tmpfs says; skips where none may be."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", limit, "tmpfs", folder], capture_output=True)
    if made.returncode != 0:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        # Somebody may have a file open on it: Werkzeug leaves that of a form open that it could not write.
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not a byte is left on a small disk meanwhile."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in _PIECES:
            with suppress(OSError):  # it is full
                while file.write(bytes(size)) == size:
                    pass
    try:
        yield
    finally:
        ballast.unlink()
