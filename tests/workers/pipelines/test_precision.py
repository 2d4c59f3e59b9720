"""Precision: weights are held as the pool says, and a machine that cannot is told so before anything is read."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from farm.catalog import load_catalog
from farm.catalog.pool import PoolEntry
from farm.errors import CatalogError
from farm.settings import Settings
from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, order, pixels_of, render
from workers.memory_planning.weights import weigh
from workers.pipelines.load import LoadingFailed, load
from workers.pipelines.precision import PrecisionFailed, check_hardware, loading_arguments

Folders = Callable[[str], Path]
CASTABLE = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Conv3d)


def pool(**settings: Any) -> PoolEntry:
    return PoolEntry.model_validate({"name": "tiny", "model": "tiny", **settings})


def bytes_of(module: torch.nn.Module) -> int:
    return sum(tensor.nbytes for tensor in [*module.parameters(), *module.buffers()])


@pytest.mark.parametrize("family", ["sana", "sprint", "wan"])
def test_a_model_cast_to_fp8_renders_nearly_the_same_from_a_quarter_of_the_bytes(
    tiny_folder: Folders, tmp_path: Path, family: str
) -> None:
    entry = tiny_pipelines.entry(family, tiny_folder(family))
    plain = load(entry, None, CPU)
    cast = load(entry, pool(quantization={"transformer": "fp8-cast", "text_encoder": "fp8-cast"}), CPU)
    for component in ("transformer", "text_encoder"):
        part = getattr(cast.family.pipeline, component)
        stored = [child for child in part.modules() if getattr(child, "weight", None) is not None]
        eighths = [child for child in stored if child.weight.dtype == torch.float8_e4m3fn]
        assert eighths, component
        assert all(isinstance(child, CASTABLE) for child in eighths), component
        assert part.dtype == torch.float32, component  # what it makes is of the model's dtype
    # The plan knows what it takes.
    planned = weigh(plain.family.pipeline.transformer, "fp8-cast").size
    assert planned == pytest.approx(bytes_of(cast.family.pipeline.transformer), rel=0.02)
    # And it renders: not the same picture to the bit, but one of numbers.
    pixels = [
        pixels_of(render(loaded.family, tmp_path, [order(loaded.family)]))["r1"].astype(int) for loaded in (plain, cast)
    ]
    assert pixels[0].shape == pixels[1].shape
    assert np.abs(pixels[0] - pixels[1]).mean() < 64


def test_the_manifest_says_how_weights_were_held(tiny_folder: Folders) -> None:
    entry = tiny_pipelines.entry("sana", tiny_folder("sana"))
    assert load(entry, pool(), CPU).facts.precision == "fp32"
    held = load(entry, pool(quantization={"transformer": "fp8-cast"}), CPU).facts.precision
    assert held == "fp32, transformer fp8-cast"


@pytest.mark.parametrize("quantization", ["int8", "int8-dynamic", "fp8"])
@pytest.mark.parametrize("family", ["sana", "wan", "wan22"])
def test_torchao_holds_the_linear_layers(tiny_folder: Folders, tmp_path: Path, family: str, quantization: str) -> None:
    pytest.importorskip("torchao")
    entry = tiny_pipelines.entry(family, tiny_folder(family), dtype={"default": "bfloat16", "vae": "float32"})
    loaded = load(entry, pool(quantization={"transformer": quantization, "text_encoder": quantization}), CPU)
    for name in (*loaded.family.experts.values(), "text_encoder"):
        part = getattr(loaded.family.pipeline, name)
        linear = [child.weight for child in part.modules() if isinstance(child, torch.nn.Linear)]
        assert any(type(weight).__module__.startswith("torchao") for weight in linear)
    assert pixels_of(render(loaded.family, tmp_path, [order(loaded.family)])).keys() == {"r1"}


def test_rows_of_zeros_in_float8_are_zeros(tiny_folder: Folders, tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    # Given a model with a pruned layer, and one with a pruned row,
    folder = Path(shutil.copytree(tiny_folder("wan"), tmp_path / "model"))
    file = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    tensors["blocks.0.attn1.to_q.weight"].zero_()
    tensors["blocks.0.attn1.to_k.weight"][1].zero_()
    save_file(tensors, file)
    # when a pool holds it in float8,
    entry = tiny_pipelines.entry("wan", folder, dtype={"default": "bfloat16", "vae": "float32"})
    transformer = load(entry, pool(quantization={"transformer": "fp8"}), CPU).family.pipeline.transformer
    # then what they give is their bias, and not NaN.
    attention, given = transformer.blocks[0].attn1, torch.ones(1, 3, tensors["blocks.0.attn1.to_q.weight"].shape[1])
    assert torch.equal(attention.to_q(given.bfloat16())[0, 0], attention.to_q.bias)
    keys = attention.to_k(given.bfloat16())[0, 0]
    assert keys.isfinite().all()
    assert keys[1] == attention.to_k.bias[1]
    # (Activations of zeros take a GPU to try; the setting that keeps them finite is there.)
    assert (
        loading_arguments({"transformer": "fp8-dynamic"})["quantization_config"]
        .quant_mapping["transformer"]
        .quant_type.activation_value_lb
        > 0
    )


@pytest.mark.parametrize("quantization", ["nf4", "fp8-dynamic", "nvfp4"])
def test_without_the_hardware_the_worker_says_what_is_missing_before_it_reads_weights(
    tmp_path: Path, quantization: str
) -> None:
    with pytest.raises(LoadingFailed) as failed:
        load(tiny_pipelines.entry("sana", tmp_path), pool(quantization={"transformer": quantization}), CPU)
    told = str(failed.value)
    assert f"holds the transformer in {quantization}" in told
    assert "compute capability" in told
    assert "the device is cpu; int8, int8-dynamic, fp8, fp8-cast run anywhere" in told


def test_an_older_gpu_is_named_with_what_runs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an A100,
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA A100")
    # when a pool wants what came with Ada,
    with pytest.raises(PrecisionFailed) as failed:
        check_hardware(pool(quantization={"transformer": "fp8-dynamic"}), torch.device("cuda:0"))
    # then the message says what it has, and what it can.
    assert "8.9 (Ada, Hopper or newer), and NVIDIA A100 has 8.0; int8, int8-dynamic, fp8, fp8-cast, nf4 run on it" in (
        str(failed.value)
    )


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.pipelines.precision.find_spec", lambda _: None)
    with pytest.raises(PrecisionFailed, match=r"package torchao: pip install 'latent-farm\[quantization\]'"):
        check_hardware(pool(quantization={"transformer": "int8"}), CPU)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"offload": "blocks", "compile": True}, "compile"),
        ({"offload": "layers", "quantization": {"transformer": "int8"}}, "quantization.transformer"),
        ({"sharding": {"by": "weights", "devices": 2}, "offload": "blocks"}, "offload 'blocks'"),
        ({"sharding": {"by": "weights", "devices": 2}, "quantization": {"transformer": "int8"}}, "quantization"),
        ({"text_encoder": "released", "quantization": {"text_encoder": "int8"}}, "quantization.text_encoder"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=f"and {named} do not go together|{named} and .* do not go together"):
        pool(**settings)


def test_a_manifest_is_rendered_again_with_weights_as_the_pools_hold_them(tmp_path: Path) -> None:
    assert load_catalog(Settings(), {}).held("sana-demo") is None
    place = tmp_path / "own.yaml"
    place.write_text("pools: {sana-demo-local: {quantization: {transformer: fp8-cast}, offload: blocks}}\n")
    held = load_catalog(Settings(catalog=[place]), {}).held("sana-demo")
    assert held is not None
    assert held.quantization == {"transformer": "fp8-cast"}
    assert held.offload == "none"


def test_two_pools_cannot_render_one_lane_with_different_weights(tmp_path: Path) -> None:
    place = tmp_path / "own.yaml"
    place.write_text("pools: {small: {model: sana-demo, quantization: {transformer: fp8-cast}}}\n")
    with pytest.raises(CatalogError, match=r"quantization: pool '.*' serves 'sana-demo' with other weights"):
        load_catalog(Settings(catalog=[place]), {})
