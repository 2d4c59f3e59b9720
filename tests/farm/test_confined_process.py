"""Files of strangers are read in processes that the kernel ends at their limits."""

import os
from pathlib import Path

import pytest
from PIL import Image

from farm.confined_process import Limits, run_confined
from farm.errors import InvalidRequest

READER = "farm.upload_inspection"
PLENTY = Limits(2_000_000_000)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (640, 480), "red").save(path)
    return path


def look(picture: Path, limits: Limits) -> object:
    return run_confined(READER, ["picture", str(picture), "10000000", "1000000"], limits, "the picture")


def test_a_file_within_the_limits_is_read(picture: Path) -> None:
    answer = look(picture, PLENTY)
    assert isinstance(answer, dict)
    assert (answer["width"], answer["height"]) == (640, 480)


def test_a_file_that_would_take_more_memory_is_refused_and_this_process_goes_on(picture: Path) -> None:
    with pytest.raises(InvalidRequest, match="send a smaller one"):
        look(picture, Limits(1_000_000))  # less than the interpreter has already


def test_a_file_that_would_take_too_long_is_refused(picture: Path) -> None:
    with pytest.raises(InvalidRequest, match="seconds to be read"):
        look(picture, Limits(PLENTY.memory, wait_seconds=0.001))


def test_the_process_gets_none_of_the_farms_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FARM_SECRET_KEY", "the-secret-of-the-tests")
    (tmp_path / "look.py").write_text("import json, os; print(json.dumps(dict(os.environ)))")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")])))
    seen = run_confined("look", [], PLENTY, "nothing")
    assert not [name for name in seen if name.startswith("FARM_")]
