"""Wan Animate through the whole farm: a character, poses and a face are uploaded, and a clip of two segments made."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from farm.cli import build_app
from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.test_wan_vace import EXACT
from tests.end_to_end.tiny_models import Frames, by_diffusers, frames_in, tiny_entry, tiny_farm
from tests.farm.comfyui_nodes.stand_in import comfyui_running
from tests.workers import tiny_pipelines
from tests.workers.pictures import clip_pixels, moving_bar, picture_file, write_clip

pytestmark = pytest.mark.long


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RunningFarm]:
    yield from tiny_farm(tmp_path, {"tiny-animate": tiny_entry("wan-animate", tmp_path)})


def theirs(stored: dict[str, Any], names: dict[str, str]) -> Frames:
    """The same clip by diffusers' own call, given the files of these names in the tests."""
    named = json.loads(json.dumps(stored))
    for ref in named.values():
        if isinstance(ref, dict) and ref.get("id") in names:
            ref["id"] = names[ref["id"]]
    return by_diffusers("wan-animate", named)


def test_a_character_that_replaces_another_comes_out_as_the_pipeline_makes_it_over_two_segments(
    farm: RunningFarm, tmp_path: Path
) -> None:
    # Given a character, and clips to move and place it (of the tests, which the reference reads),
    files, names, ids = {}, {}, {}
    for number, name in enumerate(("pose_video", "face_video", "background_video", "mask_video")):
        files[name] = tmp_path / f"{number}.mp4"
        write_clip(files[name], moving_bar(number))
        ids[name] = farm.client.add_input(files[name]).id
        names[ids[name]] = f"clip-{number}"
    ids["image"] = farm.client.add_input(picture_file(2)).id
    names[ids["image"]] = "picture-2"
    # when a job asks for more frames than one segment has,
    job = farm.submit_and_wait("tiny-animate", "a red fox", **EXACT, **ids, mode="replace")
    # then the clip is, pixel by pixel, diffusers' own,
    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    [render] = farm.renders(job.id)
    output, manifest = farm.file(render.id, "output"), farm.manifest(render.id)
    made = frames_in(output)
    assert len(made) == 9
    assert np.array_equal(made, theirs(manifest["parameters"], names))
    assert len(manifest["steps"]) == 2 * tiny_pipelines.STEPS["wan-animate"]
    # and with what was uploaded it is made again, to the byte.
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "output.webp").write_bytes(output)
    arguments = ["rerender", str(tmp_path / "manifest.json")]
    for path in (*map(str, files.values()), picture_file(2)):
        arguments += ["--input", path]
    environment = {"FARM_CATALOG": ",".join(map(str, farm.connections.settings.catalog))}
    done = CliRunner().invoke(build_app(), arguments, env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_the_node_in_comfyui_gives_the_pipelines_own_frames_of_what_is_plugged_into_it(
    farm: RunningFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given batches of pictures in ComfyUI,
    monkeypatch.setenv("FARM_URL", farm.stack.url)
    monkeypatch.setenv("FARM_KEY", farm.stack.key)
    pose, face = (torch.from_numpy(np.stack(clip_pixels(number)) / np.float32(255)) for number in range(2))
    with Image.open(picture_file(2)) as picture:
        character = torch.from_numpy(np.asarray(picture.convert("RGB")) / np.float32(255))[None]
    # when the node runs with them,
    with comfyui_running() as comfyui:
        sampler = comfyui.run("LatentFarmSampler", deterministic=True)[0]
        told = {"model": "tiny-animate", "prompt": "a red fox", "num_frames": 9, "seed": 5, "sampler": sampler}
        plugged = {"image": character, "pose_video": pose, "face_video": face}
        frames, fps, job_id = comfyui.run("LatentFarmWanAnimate", **told, **plugged)
    # then they were taken frame by frame at the model's own rate, and what comes back is diffusers' own.
    [render] = farm.renders(job_id)
    stored = farm.manifest(render.id)["parameters"]
    names = {"image": "picture-2", "pose_video": "clip-0", "face_video": "clip-1"}
    assert (fps, {stored[name]["frame_rate"] for name in names if name != "image"}) == (8.0, {8.0})
    expected = theirs(stored, {stored[field]["id"]: name for field, name in names.items()})
    assert np.array_equal((frames.numpy() * 255).round().astype(np.uint8), expected)
