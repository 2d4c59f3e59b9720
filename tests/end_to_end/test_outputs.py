"""Outputs as they leave the farm: formats, latents, a contact sheet, and manifests that are true."""

import io
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load as load_safetensors

from farm.client import Render
from tests.end_to_end.farms import RunningFarm
from tests.waiting import eventually

pytestmark = pytest.mark.long


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
    whole = farm.client.find_render(render.id)
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


def test_a_manifest_is_verified_and_a_job_is_shown_on_one_sheet(farm: RunningFarm, tmp_path: Path) -> None:
    prompts = ["a red circle", "a blue star"]
    with farm.pool_paused("sprint-demo-local"):
        job = farm.client.submit("sprint-demo", prompts, seeds=[1, 2], output_format="webp")
    farm.client.wait(job.id, timeout=600)
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


def test_of_several_seeds_the_best_keep_their_output_and_all_are_on_the_sheet(farm: RunningFarm) -> None:
    # Given two prompts with three seeds each, of which two are to be kept by their edges
    asked = {"scorer": "edges", "keep_best": 2, "seeds": [1, 2, 3]}
    job = farm.submit_and_wait("sprint-demo", ["a red circle", "a blue star"], **asked)
    renders = eventually(lambda: chosen(farm, job.id))

    # Then of each prompt just the two with the highest scores have their output, and the third what shows it
    for group in (renders[:3], renders[3:]):
        *kept, lost = sorted(group, key=lambda render: render.score or 0, reverse=True)
        assert [render.kept for render in (*kept, lost)] == [True, True, False]
        for render in kept:
            assert {file.kind for file in render.artifacts or []} == {"output", "thumbnail", "manifest"}
            assert farm.picture(render.id).size == (render.parameters["width"], render.parameters["height"])
        assert {file.kind for file in lost.artifacts or []} == {"thumbnail", "manifest"}
    scores = [render.score for render in renders]
    assert len(set(scores)) == 6
    assert [farm.manifest(render.id)["score"] for render in renders] == scores
    assert farm.manifest(renders[0].id)["plugins"] == {"edges": "latent-farm-example 1.0"}
    stored = farm.connections.storage.list(f"projects/{farm.renders(job.id)[0].project_id}/jobs/{job.id}/")
    assert sum("/output." in key for key in stored) == 4

    # And all six are on the sheet that the job's page links to
    key = {"Authorization": f"Bearer {farm.stack.key}"}
    answer = httpx.get(f"{farm.stack.url}/api/v1/jobs/{job.id}/sheet", headers=key, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/webp"), answer.text
    assert Image.open(io.BytesIO(answer.content)).width > 2 * 128


def chosen(farm: RunningFarm, job_id: str) -> list[Render]:
    """The renders of a job once it is chosen which are kept; nothing before."""
    renders = list(farm.client.renders(job_id))
    return renders if all(render.kept is not None for render in renders) else []


def told_by(farm: RunningFarm, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command says to somebody who uses this farm."""
    return subprocess.run(
        [*farm.command, *words], env=farm.user_environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_a_fast_render_leaves_out_passes_and_its_manifest_repeats_it(farm: RunningFarm) -> None:
    asked = {"prompt": "a red circle on a blue background", "seed": 7, "width": 96, "height": 160}
    job = farm.submit_and_wait("sana-demo", **asked, speed=["quality", "fast"], deterministic=True)
    whole, fast = (farm.manifest(render.id) for render in farm.renders(job.id))
    assert not any(step["left_out"] for step in whole["steps"])
    assert 0 < sum(step["left_out"] for step in fast["steps"]) < len(fast["steps"])
    assert fast["parameters"]["step_cache"]["kind"] == "first-block"
    verified = told_by(farm, "verify", fast["render_id"])
    assert "same bytes" in verified.stdout, verified
