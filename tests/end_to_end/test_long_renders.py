"""A clip that takes long: saved on its way, gone on with by another worker, parked for something urgent."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.waiting import eventually

pytestmark = pytest.mark.long

POOL = "wan-demo-local"
ONLY_CLIPS = f"""models:
  wan-demo: {{limits: {{steps: [1, 200]}}}}
pools:
  sana-demo-local: {{workers: 0, scaling: null}}
  sprint-demo-local: {{workers: 0, scaling: null}}
  {POOL}: {{scaling: {{minimum: 1, maximum: 1}}}}
"""
CLIP = {"prompt": "a red circle moves right on a blue background", "seed": 7}
#: Long enough on any machine to be caught in the middle.
LONG = {"num_inference_steps": 120, "width": 128, "height": 128, "num_frames": 17, "sampler": "unipc"}


def settings_of(folder: Path) -> Settings:
    """Checkpoints come quickly, and there is time to store them before a worker leaves; one worker, of clips."""
    settings = quick_settings(folder)
    settings.catalog[0].write_text(ONLY_CLIPS)
    return settings.model_copy(update={"checkpoint_seconds": 1.0, "preview_seconds": 0.3, "drain_seconds": 4.5})


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    yield from running_farm(tmp_path_factory.mktemp("long"), settings_of)


@pytest.fixture(scope="module")
def uninterrupted(farm: RunningFarm) -> bytes:
    """The clip that comes out when nobody disturbs its worker."""
    job = farm.submit_and_wait("wan-demo", **CLIP, **LONG)
    return farm.file(farm.renders(job.id)[0].id, "output")


def checkpoints(farm: RunningFarm, job_id: str) -> list[str]:
    return [row.key for row in farm.artifacts(job_id) if row.kind == "checkpoint"]


def test_a_clip_whose_worker_is_told_to_end_goes_on_with_the_next_one_and_has_the_same_bytes(
    farm: RunningFarm, uninterrupted: bytes
) -> None:
    # Given a worker in the middle of a clip
    job = farm.client.submit("wan-demo", **CLIP, **LONG)
    farm.when_stepping(job.id)
    [worker] = farm.alive_workers(POOL)

    # When it is told to end
    os.kill(worker.pid, signal.SIGTERM)

    # Then it hands the clip back with a checkpoint, from which the next one goes on
    eventually(lambda: checkpoints(farm, job.id))
    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    [render] = farm.renders(job.id)
    assert [attempt.outcome for attempt in farm.attempts(job.id)] == ["returned", "done"]
    assert render.failures == 0
    assert farm.file(render.id, "output") == uninterrupted
    steps = farm.manifest(render.id)["steps"]
    assert len(steps) == LONG["num_inference_steps"], "the manifest tells of every step, whoever took it"
    eventually(lambda: not checkpoints(farm, job.id))


def test_a_clip_whose_worker_is_killed_goes_on_from_its_last_checkpoint(
    farm: RunningFarm, uninterrupted: bytes
) -> None:
    job = farm.client.submit("wan-demo", **CLIP, **LONG)
    eventually(lambda: checkpoints(farm, job.id))
    [worker] = farm.alive_workers(POOL)

    os.kill(worker.pid, signal.SIGKILL)

    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    # The autoscaler may have started another in the meantime, and then hands the clip over once more.
    first, *between, last = [attempt.outcome for attempt in farm.attempts(job.id)]
    assert (first, last) == ("lost", "done")
    assert set(between) <= {"returned"}
    assert farm.file(farm.renders(job.id)[0].id, "output") == uninterrupted


def test_a_bulk_clip_is_parked_for_an_urgent_one_and_comes_out_with_the_same_bytes(
    farm: RunningFarm, uninterrupted: bytes
) -> None:
    bulk = farm.client.submit("wan-demo", **CLIP, **LONG, **{"class": "bulk"})
    farm.when_stepping(bulk.id)
    urgent = farm.client.submit("wan-demo", CLIP["prompt"], seed=8, **{"class": "urgent"})

    phases = set()

    def urgent_is_done() -> bool:
        phases.update(step.phase for step in farm.connections.progress.snapshot(bulk.id).values())
        return farm.client.job(urgent.id).status == "done"

    eventually(urgent_is_done, timeout=120)
    assert farm.client.job(bulk.id).status == "open", "the urgent one did not wait for the clip"
    assert "parked" in phases

    farm.client.wait(bulk.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(bulk.id, renders=1)
    assert [attempt.outcome for attempt in farm.attempts(bulk.id)] == ["done"]
    assert farm.file(farm.renders(bulk.id)[0].id, "output") == uninterrupted


def test_a_running_clip_shows_what_it_looks_like_so_far(farm: RunningFarm, uninterrupted: bytes) -> None:
    # The engine has learnt the colours of latents from a clip that it decoded.
    job = farm.client.submit("wan-demo", **CLIP, **LONG)
    [render] = farm.renders(job.id)

    shown = eventually(lambda: farm.connections.progress.preview(render.id))

    assert shown[:4] + shown[8:12] == b"RIFFWEBP"
    farm.client.wait(job.id, timeout=600)
    eventually(lambda: farm.connections.progress.preview(render.id) is None)  # told done, then cleared
