"""A manifest is enough to render again, to the byte, whatever batches the render was in."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from farm.catalog import load_catalog
from farm.manifest import Manifest
from farm.params import JobRequest, RenderParameters, resolve, shape_of
from farm.settings import Settings
from tests.workers import orders as small
from tests.workers import tiny_pipelines
from workers.engine.decode import DECODE_PIXELS
from workers.engine.step_loop import Engine
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import encode_output
from workers.outputs.manifest import make_manifest
from workers.pipelines.load import Loaded, load
from workers.protocol import RenderBatch, Rendered, RenderOrder
from workers.verification.rerender import render_again

#: A batch that changes on the way: different steps, samplers, and guidance on and off.
WISHES = [
    {"prompt": "a red circle", "num_inference_steps": 4, "guidance_scale": 4.0},
    {"prompt": "a blue star on a white background", "num_inference_steps": 2, "guidance_scale": 1.0},
    {"prompt": "蓝色背景上的红色圆形", "num_inference_steps": 3, "guidance_scale": 2.5},
]


def wishes_of(model: str) -> list[dict[str, object]]:
    if model == "sana-demo":
        return [dict(wish, sampler=name) for wish, name in zip(WISHES, ("unipc", "euler", "dpm++-2m"), strict=True)]
    return [dict(wish) for wish in WISHES]


@pytest.mark.parametrize("model", ["sana-demo", "sprint-demo", "wan-demo"])
def test_a_manifest_renders_the_same_pixels_again_at_the_same_batch_sizes(model: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    entry = load_catalog(Settings()).model(model)
    loaded = load(entry, None, torch.device("cpu"))
    parameters = [
        resolve(JobRequest(model=model, seed=7, **wish), entry, max_renders=10, draw_seed=lambda: 1).renders[0]
        for wish in wishes_of(model)
    ]
    orders = [
        RenderOrder(f"render-{index}", 1, "job", found.model_dump(), *_shape(found, entry))
        for index, found in enumerate(parameters)
    ]
    rendered = render_together(Engine(loaded.family, tmp_path), orders)

    for order in orders:
        manifest = manifest_of(order, rendered[order.render_id], loaded)
        assert max(step.batch_size for step in manifest.steps) == len(orders)
        repeated = render_again(Manifest.model_validate_json(manifest.model_dump_json()), loaded)
        assert repeated.same_pixels
        assert repeated.differences == []


@pytest.fixture
def decoded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a GPU would: a processor decodes pictures of this size one by one."""
    monkeypatch.setattr("workers.engine.decode.DECODE_PIXELS_CPU", DECODE_PIXELS)


def test_a_changed_manifest_is_told_from_the_true_one(tmp_path: Path) -> None:
    entry = load_catalog(Settings()).model("sprint-demo")
    loaded = load(entry, None, torch.device("cpu"))
    request = JobRequest(model="sprint-demo", prompt="a red circle", seed=7)
    [found] = resolve(request, entry, max_renders=1, draw_seed=lambda: 1).renders
    order = RenderOrder("render", 1, "job", found.model_dump(), *_shape(found, entry))
    manifest = manifest_of(order, render_together(Engine(loaded.family, tmp_path), [order])["render"], loaded)

    other_seed = manifest.model_copy(update={"parameters": manifest.parameters | {"seed": 8}})
    other_machine = manifest.model_copy(
        update={"environment": manifest.environment.model_copy(update={"torch_threads": 99})}
    )

    assert not render_again(other_seed, loaded).same_pixels
    assert any("threads" in difference for difference in render_again(other_machine, loaded).differences)


@pytest.mark.usefixtures("decoded_together")
def test_a_manifest_says_who_cropped_and_each_of_a_mixed_batch_is_made_again_to_the_byte(
    tiny_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    # Given a batch of one bin: a size that diffusers would crop to one row, and one that it can crop,
    torch.set_num_threads(1)
    loaded = load(tiny_pipelines.entry("sana", tiny_folder("sana"), bins=512), None, torch.device("cpu"))
    sizes = {"farm": (320, 240), "diffusers": (320, 232)}
    orders = [
        small.order(loaded.family, cropper, width=width, height=height, num_inference_steps=1)
        for cropper, (width, height) in sizes.items()
    ]
    rendered = render_together(Engine(loaded.family, tmp_path), orders)
    for cropper, each in zip(sizes, orders, strict=True):
        # when the manifest of each is read again,
        manifest = manifest_of(each, rendered[each.render_id], loaded)
        manifest = Manifest.model_validate_json(manifest.model_dump_json())
        # then it says who cropped, and the same pixels come out.
        assert manifest.cropped_by == cropper
        assert manifest.decode_batch_size == len(orders)
        again = render_again(manifest, loaded)
        assert again.same_pixels
        assert again.differences == []
    # And where another would crop today, it is said.
    forged = manifest.model_copy(update={"cropped_by": "farm"})
    assert render_again(forged, loaded, exclusive=True).differences == ["cropped by farm then, by diffusers now"]


def _shape(parameters: RenderParameters, entry: object) -> tuple[int, int, int]:
    shape = shape_of(parameters, entry)
    return shape.width, shape.height, shape.frames


def render_together(engine: Engine, orders: list[RenderOrder]) -> dict[str, Rendered]:
    engine.admit(RenderBatch("batch", orders))
    said = []
    while not engine.idle:
        said.extend(engine.step())
    return {message.render_id: message for message in said if isinstance(message, Rendered)}


def manifest_of(order: RenderOrder, rendered: Rendered, loaded: Loaded) -> Manifest:
    pixels = np.load(rendered.pixels_path)
    claimed = SimpleNamespace(
        id=order.render_id,
        job_id=order.job_id,
        index=0,
        attempt=order.attempt,
        parameters=order.parameters,
        width=order.width,
        height=order.height,
        frames=order.frames,
    )
    output = encode_output(pixels, order.parameters, EmbeddedMetadata("", {}))
    return make_manifest(claimed, rendered, loaded.facts, output, pixels, finished_at=0.0)
