"""What is installed is read once for all who ask."""

import subprocess
import sys
from pathlib import Path

import pytest

from workers.model_files.installed_packages import release

COUNTED = """
import importlib.metadata as metadata
real, readings = metadata.packages_distributions, []
metadata.packages_distributions = lambda: readings.append(1) or real()
from workers.engine.process import set_up_environment
set_up_environment()
import diffusers.utils, transformers.utils
from workers.model_files.installed_packages import release
assert release("diffusers")
print(len(readings))
"""


def test_an_engine_reads_what_is_installed_once_for_itself_and_its_libraries() -> None:
    run = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "1"


def test_what_was_installed_meanwhile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert release("newly_there") is None
    monkeypatch.syspath_prepend(str(tmp_path))
    record = tmp_path / "newly_there-3.1.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: newly-there\nVersion: 3.1\n")
    (record / "top_level.txt").write_text("newly_there\n")
    assert release("newly_there") == "3.1"
