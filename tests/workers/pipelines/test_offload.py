"""Offloading: weights may wait elsewhere, and what comes out is the same to the bit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from farm.catalog.pool import PoolEntry
from tests.workers import tiny_pipelines
from tests.workers.denoising.test_lora import make
from tests.workers.denoising.test_step_caches import fast
from tests.workers.matrix import matrix
from tests.workers.orders import CPU, order, pixels_of, render
from workers.families.base import Family
from workers.pipelines.load import LoadingFailed, load
from workers.protocol import adapter_file

Folders = Callable[[str], Path]


def pool(**settings: Any) -> PoolEntry:
    return PoolEntry.model_validate({"name": "tiny", "model": "tiny", **settings})


def loaded(family: str, folder: Path, settings: PoolEntry | None) -> Family:
    dtype = {"default": "bfloat16", "vae": "float32"}
    return load(tiny_pipelines.entry(family, folder, dtype=dtype), settings, CPU).family


def picture(family: Family, spool: Path) -> Any:
    """Two renders, one after the other: what was put away has to come back."""
    said = [pixels_of(render(family, spool, [order(family, name, seed=seed)])) for name, seed in (("a", 1), ("b", 2))]
    return np.stack([said[0]["a"], said[1]["b"]])


@matrix(
    settings=[
        {"offload": "blocks"},
        {"offload": "layers"},
        {"text_encoder": "host"},
        {"text_encoder": "released"},
        {"text_encoder": "cpu"},
        {"offload": "blocks", "text_encoder": "released"},
    ],
    family=["sana", "sprint", "wan"],
)
def test_the_pixels_are_those_of_the_resident_model(
    tiny_folder: Folders, tmp_path: Path, family: str, settings: dict[str, Any]
) -> None:
    folder = tiny_folder(family)
    plain = picture(loaded(family, folder, None), tmp_path)
    placed = picture(loaded(family, folder, pool(**settings)), tmp_path)
    assert np.array_equal(plain, placed)


def test_both_experts_wait_in_host_memory_and_render_the_same(tiny_folder: Folders, tmp_path: Path) -> None:
    folder = tiny_folder("wan22")
    waiting = loaded("wan22", folder, pool(offload="blocks"))
    for part in (waiting.pipeline.transformer, waiting.pipeline.transformer_2):
        assert any(getattr(module, "_diffusers_hook", None) is not None for module in part.modules())
    assert np.array_equal(picture(loaded("wan22", folder, None), tmp_path), picture(waiting, tmp_path))


@pytest.mark.parametrize("offload", ["blocks", "layers"])
def test_loras_and_step_caches_come_and_go_though_the_weights_wait_elsewhere(
    tiny_folder: Folders, tmp_path: Path, offload: str
) -> None:
    """Hooks of offloading are put on anew when a LoRA is loaded, and those of a cache stand above them."""
    ink = make(tmp_path, "ink")
    lora = {"name": ink.name, "weight": 0.7, "sha256": ink.sha256}
    found = []
    for settings in (None, pool(offload=offload)):
        family = loaded("sana", tiny_folder("sana"), settings)
        plain = order(family, "plain")
        inked = replace(order(family, "inked", loras=[lora]), inputs={adapter_file(ink.sha256): ink.path})
        fast_inked = fast(family, "fast", loras=[lora])
        orders = [plain, fast(family, "cached"), inked, plain, replace(fast_inked, inputs=inked.inputs), plain, inked]
        made = [pixels_of(render(family, tmp_path, [one])) for one in orders]
        found.append(np.stack([next(iter(pixels.values())) for pixels in made]))
    assert np.array_equal(*found)
    assert np.array_equal(found[0][0], found[0][3])
    assert np.array_equal(found[0][0], found[0][5])
    assert not np.array_equal(found[0][0], found[0][2])


def test_a_released_text_encoder_holds_no_weights_between_prompts(tiny_folder: Folders, tmp_path: Path) -> None:
    family = loaded("wan", tiny_folder("wan"), pool(text_encoder="released"))
    encoder = family.pipeline.text_encoder

    def held() -> int:
        return sum(parameter.numel() for parameter in encoder.parameters())

    during: list[int] = []
    encoder.encoder.register_forward_hook(lambda *_: during.append(held()))
    assert held() == 0
    render(family, tmp_path, [order(family)])
    assert held() == 0
    assert min(during) > 1000


def test_a_released_text_encoder_is_put_away_also_when_encoding_fails(tiny_folder: Folders, tmp_path: Path) -> None:
    family = loaded("sana", tiny_folder("sana"), pool(text_encoder="released"))
    encoder = family.pipeline.text_encoder

    def choke(*_: Any) -> None:
        raise RuntimeError("the kernel choked")

    hook = encoder.layers[0].register_forward_pre_hook(choke)
    render(family, tmp_path, [order(family)])
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 0
    hook.remove()
    assert pixels_of(render(family, tmp_path, [order(family)])).keys() == {"r1"}


def test_a_device_for_the_text_encoder_that_is_not_there_is_explained(tiny_folder: Folders) -> None:
    if torch.cuda.device_count() < 8:
        with pytest.raises(LoadingFailed, match=r"text encoder on cuda:7, and torch sees .* CUDA devices"):
            loaded("sana", tiny_folder("sana"), pool(text_encoder="cuda:7"))


def test_a_place_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="text_encoder"):
        pool(text_encoder="attic")


@matrix(offload=["blocks", "layers"], family=["sana", "wan"])
def test_blocks_that_wait_elsewhere_are_left_out_as_resident_ones_are(
    tiny_folder: Folders, tmp_path: Path, family: str, offload: str
) -> None:
    cache = {"kind": "first-block", "threshold": 0.6}
    fast = {"num_inference_steps": 8, "speed": "fast", "step_cache": cache}
    found = []
    for settings in (None, pool(offload=offload)):
        made = loaded(family, tiny_folder(family), settings)
        found.append(pixels_of(render(made, tmp_path, [order(made, **fast)]))["r1"])
        found.append(pixels_of(render(made, tmp_path, [order(made)]))["r1"])
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[1], found[3])
