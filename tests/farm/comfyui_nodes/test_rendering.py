"""Pictures and clips of a farm as images of ComfyUI: through the real dashboard, with a worker of the test's."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from farm.client import FarmClient, FarmProblem, Job, NotRendered
from farm.clips import frames_of
from farm.clock import system_clock
from farm.errors import InvalidRequest
from farm.lifecycle import Outcome
from farm.params.request.base import CLIP_SUFFIX
from farm.progress import Preview
from farm.storage_keys import ArtifactKind, artifact_key, input_key
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.leases.settle import Output, Settlement, settle
from tests.farm.comfyui_nodes.stand_in import ComfyUI, InterruptProcessingException, comfyui_running
from tests.farm.dashboards import DashboardFarm
from tests.waiting import eventually
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.video_file import encode_webp_clip


@pytest.fixture
def comfyui(dashboard: DashboardFarm, monkeypatch: pytest.MonkeyPatch) -> Iterator[ComfyUI]:
    """With the key of the test's project in its environment."""
    monkeypatch.setenv("FARM_URL", dashboard.url)
    monkeypatch.setenv("FARM_KEY", dashboard.key)
    with comfyui_running() as running:
        yield running


@contextmanager
def a_worker(work: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join()


def jobs(dashboard: DashboardFarm) -> list[Job]:
    with FarmClient(dashboard.url, dashboard.key) as farm:
        return list(farm.jobs())


def file_of(picture: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def test_pictures_come_as_one_image_with_progress_and_preview_and_are_not_rendered_twice(
    dashboard: DashboardFarm, comfyui: ComfyUI
) -> None:
    def work() -> None:
        renders = eventually(lambda: dashboard.take())
        blue = file_of(Image.new("RGB", (32, 32), (0, 0, 255)), "WEBP")

        def seen() -> bool:
            for render in renders:
                about = {"job_id": render.job_id, "project_id": render.project_id, "render_id": render.id}
                dashboard.connections.progress.show(Preview(**about, step=10), blue)
            dashboard.step(renders, 10)
            return any(preview for _, _, preview in comfyui.shown)

        eventually(seen)
        dashboard.finish(renders)

    inputs = {"prompt": "a red circle", "seed": 2**64 - 1, "count": 2, "num_inference_steps": 20}
    with a_worker(work):
        images, job_id = comfyui.run("LatentFarmSana", **inputs)

    assert (images.dtype, images.shape) == (torch.float32, (2, 128, 128, 3))
    drawn = np.asarray(Image.open(io.BytesIO(dashboard.picture())).convert("RGB"))
    assert (images[1].numpy() * 255).round().astype(np.uint8).tolist() == drawn.tolist()
    assert (20, 40) in {shown[:2] for shown in comfyui.shown}, "two renders at step 10 of 20"
    kind, preview, pixels = next(preview for _, _, preview in comfyui.shown if preview)
    assert (kind, preview.mode, preview.getpixel((9, 9))[2] > 250, pixels) == ("JPEG", "RGB", True, 512)
    [job] = jobs(dashboard)
    assert (job.id, job.request["seeds"], job.request["num_inference_steps"]) == (job_id, [2**64 - 1, 0], 20)
    assert "width" not in job.request, "what is left at 0, the model says"

    with comfyui_running() as started_again:
        again, same = started_again.run("LatentFarmSana", **inputs)
    assert same == job_id
    assert torch.equal(again, images)


def test_a_clip_comes_as_its_frames_bit_by_bit_also_where_it_stands_still(
    dashboard: DashboardFarm, comfyui: ComfyUI
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), np.uint8)
    frames = noise[[0, 0, 0, 1, 1, 2, 2, 2, 2]]

    def work() -> None:
        for render in eventually(lambda: dashboard.take(pool="wan-demo-local")):
            settle_clip(dashboard, render, frames, fps=7)

    with a_worker(work):
        farm = comfyui.run("LatentFarmConnection", url=dashboard.url, class_name="urgent")[0]
        images, fps, job_id = comfyui.run("LatentFarmWan", prompt="a circle", num_frames=9, fps=7, count=2, farm=farm)

    assert fps == 7.0
    assert (images.numpy() * 255).round().astype(np.uint8).tolist() == [*frames.tolist(), *frames.tolist()]
    [job] = jobs(dashboard)
    assert (job.id, job.class_name) == (job_id, "urgent")


def settle_clip(dashboard: DashboardFarm, render: ClaimedRender, frames: np.ndarray, fps: int) -> None:
    """Store it as workers do, and say that it is done."""
    content = encode_webp_clip(frames, fps, EmbeddedMetadata("", {}), render.parameters["output_quality"])
    key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, "output.webp")
    file = dashboard.connections.storage.put(key, content, "image/webp")
    count, height, width, _ = frames.shape
    output = Output(ArtifactKind.OUTPUT, file, width, height, count)
    done = Settlement(render.id, render.attempt, Outcome.DONE, reason=None, gpu_seconds=0.5, artifacts=[output])
    settled = settle(dashboard.connections.engine, [done], system_clock(), max_failures=1)
    dashboard.connections.progress.announce(*settled.jobs)


def test_interrupting_comfyui_cancels_the_job(dashboard: DashboardFarm, comfyui: ComfyUI) -> None:
    def work() -> None:
        eventually(lambda: dashboard.take())
        comfyui.interrupted = True

    with a_worker(work), pytest.raises(InterruptProcessingException):
        comfyui.run("LatentFarmSana", prompt="a red circle")
    [job] = jobs(dashboard)
    assert job.status == "cancelled"


def test_what_failed_says_why_and_is_tried_again_by_the_next_run(dashboard: DashboardFarm, comfyui: ComfyUI) -> None:
    def work(outcome: Outcome) -> Callable[[], None]:
        return lambda: dashboard.finish(eventually(lambda: dashboard.take()), outcome)

    with (
        a_worker(work(Outcome.FAILED)),
        pytest.raises(NotRendered, match=r"1 of 1 .* seed 5 failed .the paint ran"),
    ):
        comfyui.run("LatentFarmSana", prompt="a red circle", seed=5)
    with a_worker(work(Outcome.DONE)):
        images, _ = comfyui.run("LatentFarmSana", prompt="a red circle", seed=5)
    assert images.shape[0] == 1


def test_a_picture_is_started_from_and_what_the_farm_refuses_is_said_in_words(
    dashboard: DashboardFarm, comfyui: ComfyUI
) -> None:
    half = torch.full((1, 128, 128, 3), 0.5)
    loras = comfyui.run("LatentFarmLora", name="none", weight=0.5)[0]
    loras = comfyui.run("LatentFarmLora", name="other", loras=loras)[0]
    sampler = comfyui.run("LatentFarmSampler", sampler="euler", flow_shift=2.5)[0]
    seeds = comfyui.run("LatentFarmSeeds", seeds="9007199254740993, 2")[0]

    with pytest.raises(FarmProblem) as refused:
        comfyui.run("LatentFarmSprint", prompt="x", image=half, width=100, loras=loras, sampler=sampler, seeds=seeds)
    assert {fault.field for fault in refused.value.errors} >= {"/width", "/loras/0/name", "/loras/1/name", "/sampler"}
    with pytest.raises(Exception, match="takes one picture, not a batch of 3"):
        comfyui.run("LatentFarmSprint", prompt="x", image=half.repeat(3, 1, 1, 1))

    def work() -> None:
        [render, _] = eventually(lambda: dashboard.take(pool="sprint-demo-local"))
        started = dashboard.connections.storage.get(render.parameters["image"]["key"])
        assert Image.open(io.BytesIO(started)).getpixel((5, 5)) == (128, 128, 128)
        comfyui.interrupted = True

    with a_worker(work), pytest.raises(InterruptProcessingException):
        comfyui.run("LatentFarmSprint", prompt="x", image=half, strength=0.7, seeds=seeds)
    [job] = jobs(dashboard)
    assert (job.request["seeds"], job.request["strength"]) == ([9007199254740993, 2], 0.7)


def test_a_grey_picture_is_taken_and_what_is_no_picture_is_refused_in_words(
    dashboard: DashboardFarm, comfyui: ComfyUI
) -> None:
    for odd in ((1, 8, 8, 2), (1, 0, 8, 3), (0, 8, 8, 3), (8, 8)):
        seen = " x ".join(map(str, odd))
        with pytest.raises(InvalidRequest, match=f"/image: must be pictures: .* 1, 3 or 4 channels; seen {seen}"):
            comfyui.run("LatentFarmSprint", prompt="x", image=torch.zeros(odd))
    with pytest.raises(InvalidRequest, match="/pose_video: must be pictures"):
        comfyui.run("LatentFarmWanAnimate", prompt="x", pose_video=torch.zeros(5, 32, 32, 2))

    def work() -> None:
        [render] = eventually(lambda: dashboard.take(pool="sprint-demo-local"))
        started = dashboard.connections.storage.get(render.parameters["image"]["key"])
        assert Image.open(io.BytesIO(started)).getpixel((5, 5)) == (128, 128, 128)
        comfyui.interrupted = True

    with a_worker(work), pytest.raises(InterruptProcessingException):
        comfyui.run("LatentFarmSprint", prompt="x", image=torch.full((1, 128, 128, 1), 0.5))


def uploads(dashboard: DashboardFarm, folder: Path) -> dict[str, np.ndarray]:
    """The clips that were uploaded, by their name: pixels as they are stored, [frames, height, width, 3]."""
    found = {}
    with FarmClient(dashboard.url, dashboard.key) as farm:
        for each in farm.inputs():
            if each.frames is not None:
                key = input_key(dashboard.project_id, each.id, CLIP_SUFFIX)
                (folder / each.id).write_bytes(dashboard.connections.storage.get(key))
                found[each.name] = np.stack(list(frames_of(folder / each.id)))
    return found


def noise(frames: int, seed: int) -> torch.Tensor:
    """An IMAGE of that many frames, in levels of eight bits."""
    dice = np.random.default_rng(seed)
    return torch.from_numpy(dice.integers(0, 256, (frames, 34, 50, 3)).astype(np.float32) / 255)


def test_what_animate_follows_is_uploaded_bit_by_bit_at_the_rate_that_is_rendered(
    dashboard: DashboardFarm, comfyui: ComfyUI, tmp_path: Path
) -> None:
    pose, face, mask = noise(5, 1), noise(5, 2), noise(5, 3)[..., 0]
    given = {"pose_video": pose, "face_video": face, "mask_video": mask, "background_video": noise(1, 4)}
    model = {"model": "wan22-animate-14b", "prompt": "x", "image": noise(1, 5), "num_frames": 5, "mode": "replace"}
    with pytest.raises(FarmProblem, match="No pool") as refused:  # all else is as the farm wants it
        comfyui.run("LatentFarmWanAnimate", **model, **given)
    assert {fault.field for fault in refused.value.errors} == {"/model"}
    stored = uploads(dashboard, tmp_path)
    for field in ("pose_video", "face_video"):
        assert (given[field].numpy() * 255).round().astype(np.uint8).tolist() == stored[f"comfyui-{field}.mp4"].tolist()
    assert (mask.numpy() * 255).round().astype(np.uint8).tolist() == stored["comfyui-mask_video.mp4"][..., 1].tolist()
    with FarmClient(dashboard.url, dashboard.key) as farm:
        kinds = {each.name: (each.frames, each.frame_rate) for each in farm.inputs()}
    assert kinds["comfyui-pose_video.mp4"] == (5, 30.0), "the model's own rate"
    assert kinds["comfyui-background_video.png"][0] is None, "one frame is a picture"
