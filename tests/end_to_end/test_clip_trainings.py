"""A LoRA for clips is trained by the farm: from the command line, its losses seen on the way, and rendered with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.farms import RunningFarm, running_farm
from tests.end_to_end.trainings import settings_with, train
from tests.waiting import eventually
from tests.workers.pictures import moving_bar, write_clip

pytestmark = pytest.mark.long

ONLY_CLIPS = """pools:
  sana-demo-local: {workers: 0, scaling: null}
  sprint-demo-local: {workers: 0, scaling: null}
  wan-demo-local: {scaling: {minimum: 1, maximum: 1}}
"""
OPTIONS = (
    *("--seed=5", "--rank=4", "--learning-rate=1e-3", "--max-train-steps=30", "--train-batch-size=1"),
    *("--validation-steps=30", "--validation-inference-steps=3", "--num-frames=5", "--fps=8"),
    *("--width=32", "--height=32"),
)


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    yield from running_farm(tmp_path_factory.mktemp("training"), lambda folder: settings_with(folder, ONLY_CLIPS))


def test_a_lora_trained_from_clips_is_the_projects_and_changes_the_clips_that_are_rendered_with_it(
    farm: RunningFarm, tmp_path: Path
) -> None:
    # Given two clips with captions in a folder,
    folder = tmp_path / "bars"
    folder.mkdir()
    for number in range(2):
        write_clip(folder / f"{number}.mp4", moving_bar(number))
        (folder / f"{number}.txt").write_text(f"bar {number} moves to the right")
    # when they are trained from,
    job = train(farm, "wan-demo", folder, *OPTIONS)["id"]
    # then its losses are seen while it runs,
    eventually(lambda: farm.client.training(job).losses)
    farm.client.wait(job, timeout=600)
    told = farm.client.training(job)
    assert (told.status, told.losses[-1][0]) == ("done", 30)
    assert told.samples_poster_url is not None
    # and the LoRA is one that the model takes.
    asked = {"seed": 1, "num_inference_steps": 3, "num_frames": 5, "deterministic": True, "width": 32, "height": 32}
    without = farm.submit_and_wait("wan-demo", "a red star", **asked)
    with_it = farm.submit_and_wait("wan-demo", "a red star", loras=[{"name": told.adapter}], **asked)
    made = [farm.file(farm.renders(found.id)[0].id, "output") for found in (without, with_it)]
    assert made[0] != made[1]
