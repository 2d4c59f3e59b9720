"""Wan VACE through the whole farm: clips are uploaded, and followed by real pipelines with tiny weights."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from farm.cli import build_app
from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.tiny_models import Frames, by_diffusers, frames_in, tiny_entry, tiny_farm
from tests.workers.pictures import CLIP_RATE, moving_bar, picture_file, write_clip

pytestmark = pytest.mark.long

#: Alone, so that it is what the pipeline makes; and stored so that no bit is lost.
EXACT = {"deterministic": True, "output_format": "webp", "output_quality": 100, "seed": 5, "fps": 16, "num_frames": 9}


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RunningFarm]:
    model = tiny_entry("wan-vace", tmp_path)
    model["defaults"]["conditioning_scale"] = 1.0
    yield from tiny_farm(tmp_path, {"tiny-vace": model})


def theirs(stored: dict[str, Any], names: dict[str, str]) -> Frames:
    """The same clip by diffusers' own call, given the files of these names in the tests."""
    named = json.loads(json.dumps(stored))
    for ref in (named["video"], named["mask"], *named["reference_images"]):
        ref["id"] = names[ref["id"]]
    return by_diffusers("wan-vace", named)


def test_a_clip_that_follows_another_comes_out_as_the_pipeline_makes_it_and_can_be_made_again(
    farm: RunningFarm, tmp_path: Path
) -> None:
    # Given a clip, a mask that moves, and a picture of what is to be seen (the tests' own, which the reference reads),
    files, names = {}, {}
    for number in (0, 1):
        files[number] = tmp_path / f"{number}.mp4"
        write_clip(files[number], moving_bar(number))
        uploaded = farm.client.add_input(files[number])
        assert (uploaded.frames, uploaded.frame_rate) == (30, CLIP_RATE)
        names[uploaded.id] = f"clip-{number}"
    video, mask = names
    picture = farm.client.add_input(picture_file(2))
    names[picture.id] = "picture-2"
    # when a job follows them,
    job = farm.submit_and_wait(
        "tiny-vace",
        "a red fox",
        **EXACT,
        video=video,
        mask=mask,
        reference_images=[picture.id],
        conditioning_scale=0.7,
    )
    # then the clip is, pixel by pixel, diffusers' own,
    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    [render] = farm.renders(job.id)
    output = farm.file(render.id, "output")
    manifest = farm.manifest(render.id)
    stored = manifest["parameters"]
    assert np.array_equal(frames_in(output), theirs(stored, names))
    # the manifest names every file by its hash, and says the rate of the clip,
    by_id = {found.id: found for found in farm.client.inputs()}
    for ref in (stored["video"], stored["mask"], *stored["reference_images"]):
        assert ref["sha256"] == by_id[ref["id"]].sha256
    assert stored["video"]["frame_rate"] == CLIP_RATE
    # and with what was uploaded it is made again, to the byte.
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "output.webp").write_bytes(output)
    given = [str(path) for path in (*files.values(), picture_file(2))]
    arguments = ["rerender", str(tmp_path / "manifest.json")]
    for path in given:
        arguments += ["--input", path]
    environment = {"FARM_CATALOG": ",".join(map(str, farm.connections.settings.catalog))}
    done = CliRunner().invoke(build_app(), arguments, env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    # And a file that is not among them is asked for by what it is.
    done = CliRunner().invoke(build_app(), arguments[:-2], env=environment, catch_exceptions=False)
    assert "a picture (reference_images/0)" in done.output


def test_renders_with_and_without_a_clip_share_passes(farm: RunningFarm, tmp_path: Path) -> None:
    path = tmp_path / "pose.mp4"
    write_clip(path, moving_bar())
    clip = farm.client.add_input(path)
    with farm.pool_paused("tiny-vace-local"):
        jobs = [
            farm.client.submit("tiny-vace", "a boat", seed_count=2, **given)
            for given in ({}, {"video": clip.id, "fps": 16}, {"video": clip.id, "fps": 16, "conditioning_scale": 0.3})
        ]
    for job in jobs:
        farm.client.wait(job.id, timeout=300)
        farm.assert_nothing_lost_or_doubled(job.id, renders=2)
    manifests = [farm.manifest(render.id) for job in jobs for render in farm.renders(job.id)]
    assert max(step["batch_size"] for manifest in manifests for step in manifest["steps"]) == 4
