"""Drafts and pictures to start from, through the whole farm: a draft that goes on ends as an undivided render."""

import io
import os
import random
import signal

import psutil
import pytest
from PIL import Image

from farm.client import FarmProblem
from farm.demo.scenes import draw_picture, random_scene
from tests.end_to_end.farms import RunningFarm
from tests.waiting import eventually

pytestmark = pytest.mark.long

ASKED = {"prompt": "a red circle on a blue background", "deterministic": True}


def drafted(farm: RunningFarm, job_id: str, count: int) -> list[str]:
    """The ids of the drafts, once all of them are there."""
    eventually(lambda: len(list(farm.client.drafts(job_id))) == count, timeout=120)
    return [render.id for render in farm.client.drafts(job_id)]


@pytest.mark.parametrize(
    ("model", "more", "stop"),
    [
        ("sana-demo", {"sampler": "dpm++-2m-sde", "num_inference_steps": 8}, 3),
        ("wan-demo", {"sampler": "unipc", "num_inference_steps": 6, "num_frames": 5}, 4),
    ],
)
def test_a_kept_draft_goes_on_with_another_worker_and_has_the_bytes_of_an_undivided_render(
    farm: RunningFarm, model: str, more: dict[str, object], stop: int
) -> None:
    # Given an undivided render, and drafts of the same seed and of another
    whole = farm.submit_and_wait(model, seed=7, **ASKED, **more)
    job = farm.client.submit(model, seeds=[7, 8], stop_at_step=stop, **ASKED, **more)
    first, second = drafted(farm, job.id, 2)
    assert farm.client.why(job.id).kind == "drafted"
    [shown] = [file for file in farm.client.find_render(first).artifacts or [] if file.kind == "draft"]
    assert shown.size > 0

    # When their worker is gone, and one of them is kept and the other stopped
    [worker] = farm.alive_workers(f"{model}-local")
    os.kill(worker.pid, signal.SIGTERM)
    eventually(lambda: not psutil.pid_exists(worker.pid))
    done = farm.client.keep(job.id, [first], stop="prompt")

    # Then another worker makes the rest of it, and nobody can tell
    assert (done.kept, done.stopped) == (1, 1)
    ended = farm.client.wait(job.id, timeout=600)
    assert (ended.status, ended.done, ended.cancelled) == ("partial", 1, 1)
    assert farm.client.find_render(second).status == "cancelled"
    [undivided] = farm.renders(whole.id)
    assert farm.file(first, "output") == farm.file(undivided.id, "output")
    assert farm.manifest(first)["steps"] == farm.manifest(undivided.id)["steps"]
    outcomes = {attempt.number: attempt.outcome for attempt in farm.attempts(job.id) if attempt.render_id == first}
    assert list(outcomes.values()) == ["drafted", "done"]
    workers = {attempt.worker_id for attempt in farm.attempts(job.id) if attempt.render_id == first}
    assert len(workers) == 2
    eventually(lambda: all(file.kind != "checkpoint" for file in farm.artifacts(job.id)))


def test_a_render_starts_from_an_uploaded_picture(farm: RunningFarm) -> None:
    picture = io.BytesIO()
    rng = random.Random(3)
    draw_picture(random_scene(rng), 96, 96, rng).save(picture, "PNG")
    uploaded = farm.client.add_input(picture.getvalue(), name="scene.png")
    assert farm.client.add_input(picture.getvalue()).id == uploaded.id, "the same pixels are stored once"

    job = farm.submit_and_wait("sprint-demo", seed=7, image=uploaded.id, strength=0.5, **ASKED)
    without = farm.submit_and_wait("sprint-demo", seed=7, **ASKED)

    [render], [other] = farm.renders(job.id), farm.renders(without.id)
    kept = farm.manifest(render.id)["parameters"]["image"]
    assert (kept["id"], kept["sha256"]) == (uploaded.id, uploaded.sha256)
    assert farm.file(render.id, "output") != farm.file(other.id, "output")
    with Image.open(io.BytesIO(farm.file(render.id, "output"))) as output:
        assert output.size == (render.parameters["width"], render.parameters["height"])
    assert uploaded.id in [found.id for found in farm.client.inputs()]
    farm.client.remove_input(uploaded.id)
    with pytest.raises(FarmProblem, match="no picture"):
        farm.client.submit("sprint-demo", "a red circle", image=uploaded.id)
