"""A stranger's first minutes: submit, watch, look at the files."""

import hashlib
import io
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from farm.demo.captions import held_out_scenes
from farm.demo.checker import check_picture
from tests.end_to_end.farms import RunningFarm

RED_CIRCLE = ["a red circle on a blue background", "蓝色背景上的红色圆形"]


@pytest.mark.parametrize("model", ["sana-demo", "sprint-demo"])
def test_pictures_come_out_as_png_with_thumbnail_manifest_and_embedded_parameters(
    farm: RunningFarm, model: str
) -> None:
    job = farm.submit_and_wait(model, RED_CIRCLE, seeds=[1, 2])

    farm.assert_nothing_lost_or_doubled(job.id, renders=4)
    for render in farm.client.renders(job.id):
        png = farm.file(render.id, "output")
        picture = Image.open(io.BytesIO(png))
        manifest = farm.manifest(render.id)
        assert picture.size == (128, 128)
        assert render.parameters["prompt"] in picture.text["parameters"]
        assert f"Seed: {render.parameters['seed']}" in picture.text["parameters"]
        assert manifest["output"]["sha256"] == hashlib.sha256(png).hexdigest()
        assert manifest["parameters"] == render.parameters
        assert manifest["model"]["name"] == model
        assert manifest["model"]["weight_sha256"]
        assert len(manifest["steps"]) >= render.parameters["num_inference_steps"]
        assert Image.open(io.BytesIO(farm.file(render.id, "thumbnail"))).format == "WEBP"


def test_the_clip_plays_and_has_the_frames_that_were_asked_for(farm: RunningFarm, tmp_path: Path) -> None:
    job = farm.submit_and_wait("wan-demo", "a red circle moves left on a blue background", seed=3, num_frames=9)

    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    [render] = farm.client.renders(job.id)
    path = tmp_path / "clip.mp4"
    path.write_bytes(farm.file(render.id, "output"))
    frames, _ = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert frames == 9
    assert Image.open(io.BytesIO(farm.file(render.id, "thumbnail"))).n_frames == 9


def test_renders_that_wait_together_share_batches(farm: RunningFarm) -> None:
    # Of a size that nobody rendered before: what the farm has learnt of others by now may say that none share.
    size = {"width": 192, "height": 128}
    job = farm.submit_and_wait("sana-demo", "a green square on a white background", seed_count=8, **size)

    sizes = [max(step["batch_size"] for step in farm.manifest(row.id)["steps"]) for row in farm.renders(job.id)]
    assert max(sizes) > 1


def test_different_steps_guidance_samplers_and_prompts_share_a_batch(farm: RunningFarm) -> None:
    wishes = [
        {"num_inference_steps": 6, "guidance_scale": 4.5, "sampler": "euler"},
        {"num_inference_steps": 9, "guidance_scale": 1.0, "sampler": "dpm++-2m"},
        {"num_inference_steps": 7, "guidance_scale": 7.0, "sampler": "unipc"},
    ]
    with farm.pool_paused("sana-demo-local"):
        jobs = [
            farm.client.submit("sana-demo", "a blue star", seed=5, width=128, height=192, **wish) for wish in wishes
        ]
    for job in jobs:
        farm.client.wait(job.id, timeout=600)

    attempts = [attempt for job in jobs for attempt in farm.attempts(job.id)]
    assert len({attempt.batch_id for attempt in attempts}) == 1


def test_a_negative_prompt_another_seed_and_other_guidance_change_the_picture(farm: RunningFarm) -> None:
    base = {"prompt": "a red circle", "seed": 11}
    pictures = [
        farm.picture(farm.renders(farm.submit_and_wait("sana-demo", **(base | change)).id)[0].id)
        for change in ({}, {"negative_prompt": "blue background"}, {"seed": 12}, {"guidance_scale": 1.0})
    ]
    for other in pictures[1:]:
        assert np.abs(np.asarray(pictures[0], dtype=int) - np.asarray(other, dtype=int)).mean() > 0.5


@pytest.mark.long
def test_the_pictures_show_what_was_asked_for(farm: RunningFarm) -> None:
    pairs = held_out_scenes(16, seed=20_26)
    job = farm.submit_and_wait("sana-demo", [caption for _, caption in pairs], seed=7)

    right = [
        check_picture(farm.picture(row.id), scene).all_right
        for row, (scene, _) in zip(farm.renders(job.id), pairs, strict=True)
    ]
    assert sum(right) >= 13


def test_the_command_line_submits_waits_and_downloads(farm: RunningFarm, tmp_path: Path) -> None:
    answer = subprocess.run(
        [*farm.command, "submit", "sprint-demo", *RED_CIRCLE, "--wait", "--download", str(tmp_path)],
        env=farm.user_environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    assert len(list(tmp_path.rglob("*.png"))) == 2
