"""One render with an adapter, between two without, held against the pipeline that has loaded it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from tests.workers import tiny_pipelines
from tests.workers.denoising.test_lora import make
from tests.workers.orders import call_pipeline, order, render, tiny_family, watch_latents
from workers.families.family_registry import find_family
from workers.protocol import adapter_file


def adapter_equals_pipeline(name: str, spool: Path, layers: str, **changes: Any) -> None:
    """An adapter of all attention of this family, in layers so named too, does to the bit what diffusers does with it,
    in both experts where there are two, and nothing to others. `changes`: of the parameters of all three.
    """
    ink = make(spool, "ink", name)
    with safe_open(ink.path, "pt") as file:
        assert any(layers in layer for layer in file.keys())  # noqa: SIM118  (it is no mapping)
    oracle = tiny_pipelines.build(name)
    for component in find_family(tiny_pipelines.family_of(name)).experts.values():
        second = {"load_into_transformer_2": True} if component == "transformer_2" else {}
        oracle.load_lora_weights(spool, weight_name="ink.safetensors", adapter_name="ink", **second)
        getattr(oracle, component).set_adapters(["ink"], [0.6])
    family = tiny_family(name)
    seen = watch_latents(family)
    changed = order(family, "changed", **changes, loras=[{"name": "ink", "weight": 0.6, "sha256": ink.sha256}])
    changed = replace(changed, inputs=changed.inputs | {adapter_file(ink.sha256): ink.path})
    for ordered in (order(family, "before", **changes), changed, order(family, "after", **changes)):
        render(family, spool, [ordered])
    family.pipeline = oracle
    assert torch.equal(seen["changed"], call_pipeline(family, changed.parameters, "latent"))
    assert torch.equal(seen["before"], seen["after"])
    assert not torch.equal(seen["before"], seen["changed"])
