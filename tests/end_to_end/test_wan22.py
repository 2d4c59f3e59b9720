"""Wan 2.2 through the whole farm: real pipelines with tiny weights, in a catalog of their own."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.tiny_models import by_diffusers, frames_in, tiny_entry, tiny_farm
from tests.workers.denoising.test_lora import make
from tests.workers.pictures import picture_file

pytestmark = pytest.mark.long

#: Alone, so that it is what the pipeline makes; and stored so that no bit is lost.
EXACT = {"deterministic": True, "output_format": "webp", "output_quality": 100, "seed": 5, "num_inference_steps": 4}


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RunningFarm]:
    families = ("wan22", "wan22-ti2v")
    yield from tiny_farm(tmp_path, {f"tiny-{family}": tiny_entry(family, tmp_path) for family in families})


def test_clips_of_two_experts_and_of_a_picture_come_out_as_the_pipelines_make_them(
    farm: RunningFarm, tmp_path: Path
) -> None:
    # Given a job with a guidance scale for each expert, and one that begins with a picture,
    asked = {"guidance_scale": 4.0, "guidance_scale_2": 3.0}
    text = farm.submit_and_wait("tiny-wan22", "a red fox", **EXACT, **asked)
    # (whichever picture lies behind the id is the reference's first one)
    uploaded = farm.client.add_input(picture_file(0))
    picture = farm.submit_and_wait("tiny-wan22-ti2v", "a red fox", **EXACT, image=uploaded.id)
    # when they are done, then each clip is, pixel by pixel, diffusers' own,
    for family, job in (("wan22", text), ("wan22-ti2v", picture)):
        farm.assert_nothing_lost_or_doubled(job.id, renders=1)
        [render] = farm.renders(job.id)
        stored = farm.manifest(render.id)["parameters"]
        if stored.get("image"):
            stored["image"]["id"] = "picture-0"
        assert np.array_equal(frames_in(farm.file(render.id, "output")), by_diffusers(family, stored))
    # and the manifest says with what.
    manifest = farm.manifest(farm.renders(text.id)[0].id)
    assert {name: manifest["parameters"][name] for name in asked} == asked


def test_renders_of_a_batch_meet_again_behind_the_boundary_and_an_adapter_of_one_expert_is_kept(
    farm: RunningFarm, tmp_path: Path
) -> None:
    # Given an uploaded adapter for the second expert,
    uploaded = farm.client.add_input(make(tmp_path, "ink", "wan22").path)
    assert uploaded.adapter is not None
    assert "tiny-wan22" in [fit.model for fit in uploaded.adapter.fits]
    lora = {"name": uploaded.id, "weight": 0.8, "expert": "low-noise"}
    # when four clips are rendered with it, and one without,
    with farm.pool_paused("tiny-wan22-local"):
        job = farm.client.submit("tiny-wan22", "a boat", seed_count=4, num_inference_steps=4, loras=[lora])
    farm.client.wait(job.id, timeout=300)
    plain = farm.submit_and_wait("tiny-wan22", "a boat", seed=farm.renders(job.id)[0].parameters["seed"])
    # then they shared passes with both experts, and the adapter changed the clip.
    farm.assert_nothing_lost_or_doubled(job.id, renders=4)
    manifests = [farm.manifest(render.id) for render in farm.renders(job.id)]
    assert [kept["expert"] for kept in manifests[0]["parameters"]["loras"]] == ["low-noise"]
    assert {step["batch_size"] for manifest in manifests for step in manifest["steps"]} == {4}
    outputs = [farm.file(found.id, "output") for found in (farm.renders(job.id)[0], *farm.renders(plain.id))]
    assert outputs[0] != outputs[1]
