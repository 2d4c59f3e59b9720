"""A LoRA is trained by the farm: asked for as people do, interrupted, registered, rendered with."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.client import FarmProblem
from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, running_farm
from tests.end_to_end.trainings import (
    ASKED,
    ONLY_PICTURES,
    PICTURE_POOL,
    as_options,
    captions_of,
    draw_captioned_pictures,
    settings_with,
    train,
)
from tests.waiting import eventually

pytestmark = pytest.mark.long


def settings_of(folder: Path) -> Settings:
    settings = settings_with(folder, ONLY_PICTURES)
    return settings.model_copy(update={"checkpoint_seconds": 1.0, "preview_seconds": 0.3, "drain_seconds": 4.5})


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    yield from running_farm(tmp_path_factory.mktemp("training"), settings_of)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures, each with its caption beside it."""
    made = tmp_path_factory.mktemp("pictures") / "stars"
    made.mkdir()
    draw_captioned_pictures(made)
    return made


@pytest.fixture(scope="module")
def undivided(farm: RunningFarm, folder: Path) -> bytes:
    """The LoRA that comes out when nobody disturbs its worker, trained from the command line."""
    told = train(farm, "sana-demo", folder, "--wait", *as_options(ASKED))
    assert (told["name"], told["status"], told["max_train_steps"]) == ("stars", "done", 60)
    assert told["losses"][-1][0] == 60
    [lora] = [found for found in farm.client.inputs() if found.id == told["adapter"]]
    assert lora.name == "stars.safetensors"
    assert lora.adapter is not None
    assert lora.adapter.rank == 4
    assert "sana-demo" in [fit.model for fit in lora.adapter.fits]
    return farm.file(told["render_id"], "adapter")


def test_a_trained_lora_is_the_projects_and_changes_what_is_rendered_with_it(
    farm: RunningFarm, undivided: bytes
) -> None:
    [lora] = [found for found in farm.client.inputs() if found.adapter is not None]
    asked = {"seed": 1, "num_inference_steps": 4, "deterministic": True}
    without = farm.submit_and_wait("sana-demo", "a red star", **asked)
    with_it = farm.submit_and_wait("sana-demo", "a red star", loras=[{"name": lora.id}], **asked)
    made = [farm.file(farm.renders(job.id)[0].id, "output") for job in (without, with_it)]
    assert made[0] != made[1]


def test_a_training_whose_worker_is_killed_goes_on_elsewhere_and_gives_the_same_lora(
    farm: RunningFarm, folder: Path, undivided: bytes
) -> None:
    job = farm.client.train("sana-demo", "stars", captions_of(folder), **ASKED)
    eventually(lambda: [row for row in farm.artifacts(job.id) if row.kind == "checkpoint"])
    [worker] = farm.alive_workers(PICTURE_POOL)

    os.kill(worker.pid, signal.SIGKILL)

    farm.client.wait(job.id, timeout=600)
    assert next(attempt.outcome for attempt in farm.attempts(job.id)) == "lost"
    [render] = farm.renders(job.id)
    assert farm.file(render.id, "adapter") == undivided
    # The same bytes are one LoRA of the project.
    assert len([found for found in farm.client.inputs() if found.adapter is not None]) == 1
    assert farm.client.training(job.id).adapter is not None
    eventually(lambda: not [row for row in farm.artifacts(job.id) if row.kind == "checkpoint"])


def test_an_urgent_picture_does_not_wait_for_a_training(farm: RunningFarm, folder: Path, undivided: bytes) -> None:
    job = farm.client.train("sana-demo", "stars", captions_of(folder), **ASKED)
    farm.when_stepping(job.id)
    urgent = farm.client.submit("sana-demo", "a blue circle", seed=8, num_inference_steps=4, class_name="urgent")
    farm.client.wait(urgent.id, timeout=300)
    assert farm.client.job(job.id).status == "open"
    farm.client.wait(job.id, timeout=600)
    assert farm.file(farm.renders(job.id)[0].id, "adapter") == undivided


def test_what_is_wrong_with_a_training_is_said_at_once(farm: RunningFarm, folder: Path) -> None:
    with pytest.raises(FarmProblem) as refused:
        farm.client.train(
            "sprint-demo", "x", {"0195f0c2-7d1a-7c3e-9f00-2b6c1d4e5f60": "a star"}, with_prior_preservation=True
        )
    said = str(refused.value)
    assert "family sprint" in said
    assert "has no picture" in said
    assert "class_prompt" in said
