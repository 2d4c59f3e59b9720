"""The models that come with the package, loaded through the catalog as a worker loads them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from farm.catalog import load_catalog
from farm.params import JobRequest, resolve, shape_of
from farm.settings import Settings
from tests.workers.orders import CPU, call_pipeline, pixels_of, render, watch_latents
from workers.pipelines.load import load
from workers.protocol import RenderOrder


@pytest.mark.parametrize("model", ["sana-demo", "sprint-demo", "wan-demo"])
def test_with_the_defaults_of_the_catalog_each_is_the_pipeline_to_the_bit(model: str, tmp_path: Path) -> None:
    # Given a model of the package and the render that request validation makes of a short request,
    entry = load_catalog(Settings(data_dir=tmp_path)).model(model)
    family = load(entry, None, CPU).family
    request = JobRequest(model=model, prompt="蓝色背景上的红色圆形", seed=5)
    parameters = resolve(request, entry, max_renders=1, draw_seed=lambda: 0).renders[0]
    shape, values = shape_of(parameters, entry), parameters.model_dump(mode="json")
    ordered = RenderOrder("r1", 1, "job", values, shape.width, shape.height, shape.frames)
    # when it is rendered alone,
    seen = watch_latents(family)
    pixels = pixels_of(render(family, tmp_path, [ordered]))["r1"]
    # then latents and pixels are diffusers' own.
    assert torch.equal(seen["r1"], call_pipeline(family, values, "latent"))
    theirs = np.asarray(call_pipeline(family, values, "np")[0])
    assert np.array_equal(pixels, (theirs * 255).round().astype(np.uint8))
