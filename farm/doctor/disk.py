"""Room on the disks of this machine, and whether the farm may write there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from farm.doctor.findings import Finding, Level
from farm.settings import Settings

PART = "disk"
GB = 10**9
#: Free bytes below which something is to be done soon, and below which things fail.
SCARCE, NONE = 5 * GB, GB // 2
#: The smallest production model takes about as much.
MODEL = 20 * GB


def check(settings: Settings) -> Iterator[Finding]:
    """Look at the data folder, the folder for temporary files and, on a worker, that of models."""
    yield _folder("data folder (FARM_DATA_DIR)", settings.data_dir, SCARCE)
    yield _folder("temporary files (TMPDIR)", Path(tempfile.gettempdir()), SCARCE)
    if find_spec("huggingface_hub") is not None:
        home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
        yield _folder("models (HF_HOME)", home, MODEL)


def _folder(name: str, path: Path, scarce: int) -> Finding:
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        words = f"{name}: {path} cannot be written by this user."
        return Finding(PART, Level.FAIL, words, f"Name another folder, or give this user {there}.")
    free = shutil.disk_usage(there).free
    words = f"{name}: {free / GB:,.1f} GB are free at {path}."
    if free < scarce:
        return Finding(PART, Level.FAIL if free < NONE else Level.WARN, words, "Make room, or name another folder.")
    return Finding(PART, Level.OK, words)
