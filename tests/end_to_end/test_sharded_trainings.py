"""A LoRA is trained by a worker that is a group of ranks, interrupted, and rendered with by the same group."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, running_farm
from tests.end_to_end.trainings import ASKED, PICTURE_POOL, captions_of, draw_captioned_pictures, settings_with
from tests.waiting import eventually

pytestmark = pytest.mark.long

ON_TWO = f"""pools:
  wan-demo-local: {{workers: 0, scaling: null}}
  sprint-demo-local: {{workers: 0, scaling: null}}
  {PICTURE_POOL}:
    scaling: {{minimum: 1, maximum: 1}}
    device: cpu
    threads: 1
    sharding: {{by: weights, devices: 2}}
"""
STEPS: dict[str, Any] = ASKED | {"optimizer": "adamw-8bit", "rank": 32}


def settings_of(folder: Path) -> Settings:
    return settings_with(folder, ON_TWO).model_copy(update={"checkpoint_seconds": 1.0})


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    yield from running_farm(tmp_path_factory.mktemp("sharded-training"), settings_of)


def test_a_group_trains_goes_on_after_its_worker_was_killed_and_renders_with_what_it_made(
    farm: RunningFarm, tmp_path: Path
) -> None:
    # Given a training on two ranks,
    draw_captioned_pictures(tmp_path)
    pictures = captions_of(tmp_path)
    whole = farm.client.train("sana-demo", "stars", pictures, **STEPS)
    farm.client.wait(whole.id, timeout=600)
    expected = farm.file(farm.renders(whole.id)[0].id, "adapter")
    assert farm.manifest(farm.renders(whole.id)[0].id)["environment"]["device"].startswith("2 x CPU")
    # when the worker of another one like it is killed on its way,
    job = farm.client.train("sana-demo", "stars", pictures, **STEPS)
    eventually(lambda: [row for row in farm.artifacts(job.id) if row.kind == "checkpoint"])
    [worker] = farm.alive_workers(PICTURE_POOL)
    os.kill(worker.pid, signal.SIGKILL)
    farm.client.wait(job.id, timeout=600)
    # then another group goes on, and it is the same to the bit;
    assert next(attempt.outcome for attempt in farm.attempts(job.id)) == "lost"
    assert farm.file(farm.renders(job.id)[0].id, "adapter") == expected
    # and the LoRA has effect in what the group renders.
    lora = farm.client.training(job.id).adapter
    asked = {"seed": 1, "num_inference_steps": 4, "deterministic": True}
    without = farm.submit_and_wait("sana-demo", "a red star", **asked)
    with_it = farm.submit_and_wait("sana-demo", "a red star", loras=[{"name": lora}], **asked)
    made = [farm.file(farm.renders(found.id)[0].id, "output") for found in (without, with_it)]
    assert made[0] != made[1]
