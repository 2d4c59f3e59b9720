"""The families that no other test here renders with, through the whole farm: real pipelines with tiny weights."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.farms import RunningFarm
from tests.end_to_end.tiny_models import by_diffusers, frames_in, tiny_entry, tiny_farm
from tests.workers import tiny_pipelines
from tests.workers.pictures import picture_file

pytestmark = pytest.mark.long

#: Of each family the pictures that it takes, by their field, and what else is asked.
ASKED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "sana-controlnet": (("control_image",), {"controlnet_conditioning_scale": 0.7}),
    "sana-video": (("image",), {}),
    "sana-video-720p": (("image",), {}),
    "wan-i2v": (("image",), {}),
    "wan-flf2v": (("image", "last_image"), {}),
    "wan22-i2v": (("image", "last_image"), {"guidance_scale": 4.0, "guidance_scale_2": 3.0, "num_inference_steps": 4}),
}


@pytest.fixture
def farm(family: str, tmp_path: Path) -> Iterator[RunningFarm]:
    yield from tiny_farm(tmp_path, {f"tiny-{family}": tiny_entry(family, tmp_path)})


@pytest.mark.parametrize("family", ASKED)
def test_it_comes_out_as_the_pipeline_makes_it(family: str, farm: RunningFarm) -> None:
    # Given pictures that were uploaded, and a job that names them, alone and stored so that no bit is lost,
    fields, asked = ASKED[family]
    ids = {field: farm.client.add_input(picture_file(number)).id for number, field in enumerate(fields)}
    stored_as = {"output_format": "webp", "output_quality": 100} if family in tiny_pipelines.CLIPS else {}
    job = farm.submit_and_wait(f"tiny-{family}", "a red fox", deterministic=True, seed=5, **stored_as, **ids, **asked)
    # when it is done,
    farm.assert_nothing_lost_or_doubled(job.id, renders=1)
    [render] = farm.renders(job.id)
    parameters = farm.manifest(render.id)["parameters"]
    for number, field in enumerate(fields):
        parameters[field]["id"] = f"picture-{number}"
    # then it is, pixel by pixel, diffusers' own.
    data, expected = farm.file(render.id, "output"), by_diffusers(family, parameters)
    if family in tiny_pipelines.CLIPS:
        assert np.array_equal(frames_in(data), expected)
    else:
        with Image.open(io.BytesIO(data)) as picture:
            assert np.array_equal(np.asarray(picture.convert("RGB")), expected)
