"""Wan 2.2 through the whole farm: real pipelines with tiny weights, in a catalog of their own."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image, ImageSequence

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.workers import tiny_pipelines
from tests.workers.denoising.test_lora import make
from tests.workers.orders import CPU, call_pipeline
from tests.workers.pictures import picture_file
from workers.families.family_registry import find_family

pytestmark = pytest.mark.long

#: Alone, so that it is what the pipeline makes; and stored so that no bit is lost.
EXACT = {"deterministic": True, "output_format": "webp", "output_quality": 100, "seed": 5, "num_inference_steps": 4}


def catalog_of(models: Path, folder: Path) -> Settings:
    """A farm that knows both tiny models, and has a worker for each."""
    settings = quick_settings(folder)
    entries: dict[str, Any] = {}
    for family in ("wan22", "wan22-ti2v"):
        entry = tiny_pipelines.entry(family, tiny_pipelines.save(family, models / family))
        entries[f"tiny-{family}"] = entry.model_dump(mode="json", exclude_unset=True, exclude={"name"})
    pools = {f"{name}-local": {"extends": "local", "model": name, "max_batch": 4} for name in entries}
    overlay = folder.with_name("wan22.yaml")
    overlay.write_text(yaml.safe_dump({"models": entries, "pools": pools}))
    return settings.model_copy(update={"catalog": [*settings.catalog, overlay]})


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RunningFarm]:
    others = {"sana-demo-local": 0, "sprint-demo-local": 0, "wan-demo-local": 0}
    yield from running_farm(tmp_path / "farm", partial(catalog_of, tmp_path / "models"), workers=others)


def clip(farm: RunningFarm, render_id: str, folder: Path) -> np.ndarray[Any, Any]:
    """The frames of a stored clip."""
    path = folder / f"{render_id}.webp"
    path.write_bytes(farm.file(render_id, "output"))
    with Image.open(path) as opened:
        return np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(opened)])


def theirs(family: str, parameters: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The same clip by diffusers' own call."""
    made = find_family(family)(tiny_pipelines.build(family), tiny_pipelines.entry(family), CPU)
    return (np.asarray(call_pipeline(made, parameters, "np")[0]) * 255).round().astype(np.uint8)


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
        assert np.array_equal(clip(farm, render.id, tmp_path), theirs(family, stored))
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
