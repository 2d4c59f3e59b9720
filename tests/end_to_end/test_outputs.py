"""Outputs as they leave the farm: formats, latents, a contact sheet, and receipts that are true."""

import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load as load_safetensors

from tests.end_to_end.farms import RunningFarm


@pytest.mark.parametrize(
    ("model", "fields", "form", "kinds"),
    [
        ("sprint-demo", {"output_format": "avif", "keep_latents": True}, "AVIF", {"latents"}),
        ("sprint-demo", {"output_format": "webp", "output_quality": 100}, "WEBP", set()),
        ("wan-demo", {"output_format": "gif", "num_frames": 9}, "GIF", {"poster"}),
    ],
)
def test_an_output_is_stored_in_the_format_that_was_asked_for(
    farm: RunningFarm, model: str, fields: dict[str, Any], form: str, kinds: set[str]
) -> None:
    job = farm.submit_and_wait(model, "a red circle on a blue background", seed=1, **fields)
    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    [render] = farm.client.renders(job.id)
    whole = farm.client.render(render.id)
    assert {artifact.kind for artifact in whole.artifacts or []} == {"output", "thumbnail", "manifest"} | kinds
    picture = Image.open(io.BytesIO(farm.file(render.id, "output")))
    assert picture.format == form
    assert picture.size == (render.parameters["width"], render.parameters["height"])
    assert getattr(picture, "n_frames", 1) == render.parameters.get("num_frames", 1)
    if "latents" in kinds:
        latents = load_safetensors(farm.file(render.id, "latents"))["latents"]
        assert latents.ndim == 4
        assert np.isfinite(latents).all()
    if "poster" in kinds:
        assert Image.open(io.BytesIO(farm.file(render.id, "poster"))).size == picture.size


def test_a_receipt_is_verified_and_a_job_is_shown_on_one_sheet(farm: RunningFarm, tmp_path: Path) -> None:
    prompts = ["a red circle", "a blue star"]
    with farm.pool_paused("sprint-demo-local"):
        job = farm.client.submit("sprint-demo", prompts, seeds=[1, 2], output_format="webp")
    farm.client.wait(job.id, timeout=240)
    first = next(iter(farm.client.renders(job.id)))

    verified = told_by(farm, "verify", first.id, "--to", str(tmp_path / "again"))
    lines = verified.stdout.splitlines()
    assert lines[0].endswith("same bytes"), verified
    assert verified.returncode == 0
    assert any((tmp_path / "again").iterdir())

    sheet = tmp_path / "sheet.png"
    assert told_by(farm, "sheet", job.id, "--to", str(sheet), "--cell", "96").stdout.strip() == str(sheet)
    with Image.open(sheet) as picture:
        width, height = picture.size
    assert width > 2 * 96
    assert height > 2 * 96


def told_by(farm: RunningFarm, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command says to somebody who uses this farm."""
    return subprocess.run(
        [*farm.command, *words], env=farm.user_environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_a_fast_render_leaves_out_passes_and_its_receipt_repeats_it(farm: RunningFarm) -> None:
    asked = {"prompt": "a red circle on a blue background", "seed": 7, "width": 96, "height": 160}
    job = farm.submit_and_wait("sana-demo", **asked, speed=["quality", "fast"], deterministic=True)
    whole, fast = (farm.manifest(render.id) for render in farm.renders(job.id))
    assert not any(step["left_out"] for step in whole["steps"])
    assert 0 < sum(step["left_out"] for step in fast["steps"]) < len(fast["steps"])
    assert fast["parameters"]["step_cache"]["kind"] == "first-block"
    verified = told_by(farm, "verify", fast["render_id"])
    assert "same bytes" in verified.stdout, verified
