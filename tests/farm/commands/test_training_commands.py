"""`farm train` says which file is wrong and what to do, before anything is submitted."""

import json
from pathlib import Path

import pytest
from PIL import Image

from farm.commands.outputs.download import Kind
from farm.storage_keys import ArtifactKind
from tests.farm.commands.shell import Farm, environment, farm

__all__ = ["environment", "farm"]  # fixtures


def captioned(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for place, name in enumerate(names):
        Image.new("RGB", (64, 48), (255, place, 0)).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text("a red square")
    return folder


def test_the_same_picture_may_have_several_captions(farm: Farm, tmp_path: Path) -> None:
    folder = captioned(tmp_path / "squares", "1")
    (folder / "2.png").write_bytes((folder / "1.png").read_bytes())
    (folder / "2.txt").write_text("a square that is red")

    told = farm("train", "sana-demo", str(folder), "--json")

    [render] = json.loads(farm("job", json.loads(told.stdout)["id"], "--json").stdout)["renders"]
    captions = [picture["caption"] for picture in render["parameters"]["training"]["pictures"]]
    assert captions == ["a red square", "a square that is red"]


def test_each_file_that_is_no_picture_is_named_and_nothing_is_submitted(farm: Farm, tmp_path: Path) -> None:
    folder = captioned(tmp_path / "squares", "1", "2", "3")
    for name in ("2", "3"):
        (folder / f"{name}.png").write_bytes(b"no picture")

    told = farm("train", "sana-demo", str(folder))

    assert told.exit_code == 2
    assert all(str(folder / f"{name}.png") in told.stderr for name in ("2", "3"))
    assert str(folder / "1.png") not in told.stderr
    assert "squares" not in farm("jobs").stdout


@pytest.mark.parametrize("name", ["my pictures", "方块"])
def test_a_folder_that_is_no_name_for_a_lora_wants_another_one(farm: Farm, tmp_path: Path, name: str) -> None:
    folder = captioned(tmp_path / name, "1")

    told = farm("train", "sana-demo", str(folder))
    assert told.exit_code == 2
    assert "'--name'" in told.stderr
    assert "must begin with a letter or a digit" in " ".join(told.stderr.split())

    told = farm("train", "sana-demo", str(folder), "--name", "squares")
    assert (told.exit_code, "with 1 picture submitted" in told.stderr) == (0, True)


def test_whatever_a_render_has_for_people_can_be_downloaded_as_a_trainings_lora() -> None:
    assert {kind.value for kind in Kind} == {kind.value for kind in ArtifactKind if kind is not ArtifactKind.CHECKPOINT}
