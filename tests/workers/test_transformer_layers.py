"""Request validation knows each model's layers without torch: they are those that diffusers builds, by name and
shape.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

import workers
from farm.layer_names import LayerNames
from farm.transformer_layers import layers_of
from tests.workers import tiny_pipelines

FOLDER = Path(workers.__file__).parent
SHIPPED = [
    path
    for path in sorted(FOLDER.glob("architectures/*.json"))
    + sorted(FOLDER.glob("demo_models/weights/*/transformer/*.json"))
    if json.loads(path.read_text()).get("_class_name", "").endswith(("Transformer2DModel", "Transformer3DModel"))
]


def built(transformer: torch.nn.Module) -> dict[str, tuple[tuple[int, ...], int]]:
    """What diffusers made: the shape of each weight, and the groups of convolutions."""
    kinds = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Conv3d)
    return {
        name: (tuple(module.weight.shape), getattr(module, "groups", 1))
        for name, module in transformer.named_modules()
        if isinstance(module, kinds)
    }


def told(config: Mapping[str, Any]) -> dict[str, tuple[tuple[int, ...], int]]:
    """What request validation works out."""
    layers = layers_of(config)
    assert layers is not None
    return {name: (layer.shape, layer.groups) for name, layer in layers.items()}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.parent.name + "-" + path.stem)
def test_each_shipped_model_has_the_layers_that_request_validation_thinks(path: Path) -> None:
    config = json.loads(path.read_text())
    with torch.device("meta"):
        transformer = getattr(diffusers, config["_class_name"]).from_config(config)
    assert built(transformer) == told(config)


@pytest.mark.parametrize("family", tiny_pipelines.SAMPLERS)
def test_so_has_each_family_by_the_config_that_its_transformer_carries(family: str) -> None:
    transformer = tiny_pipelines.build(family).transformer
    assert built(transformer) == told({**transformer.config, "_class_name": type(transformer).__name__})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.parent.name + "-" + path.stem)
def test_no_two_layers_are_spelt_alike_when_they_are_flattened(path: Path) -> None:
    layers = layers_of(json.loads(path.read_text()))
    assert layers is not None
    names = LayerNames(layers)
    for name in layers:
        assert names.find(name) == names.find(f"lora_unet_{name.replace('.', '_')}") == (name,)
    assert names.find("nowhere.at.all") == ()


def test_of_other_models_nothing_is_said() -> None:
    assert layers_of({"_class_name": "FluxTransformer2DModel"}) is None
    assert layers_of({}) is None
