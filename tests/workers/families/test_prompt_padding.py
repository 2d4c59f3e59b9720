"""Prompts that are padded only as far as the longest of a pass: less work, and the same picture."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from farm.catalog import load_catalog
from farm.manifest import Manifest
from farm.settings import Settings
from tests.workers.orders import CPU, call_pipeline, order, pixels_of, render, tiny_family, watch_latents
from tests.workers.verification.test_rerender import manifest_of, render_together
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.families.prompt_encoding import padded, rounded_length
from workers.pipelines.load import load
from workers.protocol import FromEngine, Rendered

#: A pixel of 255 at the most: a sum without its zeros may round otherwise.
_NEARLY = 1
_SHORT = "a fox"
_LONG = "a red fox that sleeps in the snow under a tree"
_FAMILIES = ["sana", "sana-controlnet", "sana-video", "sprint", "wan", "wan22", "wan-i2v"]


def sparing(name: str) -> Family:
    family = tiny_family(name)
    family.prompt_padding = "longest"
    return family


def tokens_of(said: list[FromEngine]) -> dict[str, set[int | None]]:
    return {it.render_id: {step.text_tokens for step in it.trace} for it in said if isinstance(it, Rendered)}


def differ(one: Any, other: Any) -> int:
    return int(abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


@pytest.mark.parametrize("name", _FAMILIES)
def test_the_picture_is_that_of_the_whole_padding(name: str, tmp_path: Path) -> None:
    asked = {"max_sequence_length": 64, "prompt": _SHORT}
    models = tiny_family(name), sparing(name)
    whole, spared = (pixels_of(render(model, tmp_path, [order(model, **asked)]))["r1"] for model in models)
    assert differ(whole, spared) <= _NEARLY


@pytest.mark.parametrize("name", ["sana", "sprint", "wan"])
def test_the_text_encoder_sees_no_more_than_the_prompt(name: str) -> None:
    model = sparing(name)
    seen: list[int] = []
    model.pipeline.text_encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    model.encode(model.prepare(order(model, max_sequence_length=64, prompt=_SHORT)))
    assert set(seen) == {16}


def test_texts_of_several_lengths_share_a_pass_and_each_keeps_its_picture(tmp_path: Path) -> None:
    model = sparing("sana")
    prompts = {"short": _SHORT, "long": _LONG, "longest": f"{_LONG}, {_SHORT}"}
    orders = [order(model, name, max_sequence_length=300, prompt=prompt) for name, prompt in prompts.items()]
    said = render(model, tmp_path, orders)
    together = pixels_of(said)
    assert tokens_of(said) == {name: {64} for name in prompts}  # each byte is a token of the tiny model
    for each in orders:
        assert differ(together[each.render_id], pixels_of(render(model, tmp_path, [each]))[each.render_id]) <= _NEARLY


@pytest.mark.parametrize("name", ["sana", "sprint", "wan"])
def test_a_deterministic_render_is_diffusers_own_to_the_bit(name: str, tmp_path: Path) -> None:
    model = sparing(name)
    asked = order(model, max_sequence_length=64, deterministic=True)
    seen = watch_latents(model)
    said = render(model, tmp_path, [asked])
    assert tokens_of(said) == {"r1": {None}}
    assert torch.equal(seen["r1"], call_pipeline(model, asked.parameters, "latent"))


def test_a_text_of_no_token_keeps_its_padding() -> None:
    # Where a mask hides everything, attention is even over all of it: that is the whole padding.
    assert rounded_length(0, 300) == 300


def test_lengths_are_rounded_up_and_never_above_the_models_own() -> None:
    assert [rounded_length(tokens, 300) for tokens in (1, 16, 17, 299, 400)] == [16, 16, 32, 300, 300]


def test_padding_adds_zeros_behind_text_and_mask() -> None:
    text, mask = torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.long)
    assert padded(text, 4)[0, :, 0].tolist() == [1, 1, 0, 0]
    assert padded(mask, 4).tolist() == [[1, 1, 0, 0]]
    assert padded(text, 1) is text


def test_an_instruction_counts_as_the_pipeline_counts_it(tmp_path: Path) -> None:
    asked = {"max_sequence_length": 64, "prompt": _SHORT, "complex_human_instruction": True}
    models = tiny_family("sana"), sparing("sana")
    whole, spared = (pixels_of(render(model, tmp_path, [order(model, **asked)]))["r1"] for model in models)
    assert differ(whole, spared) <= _NEARLY


def test_a_manifest_of_a_pass_with_a_longer_neighbour_renders_the_same_pixels_again(tmp_path: Path) -> None:
    catalog = load_catalog(Settings())
    loaded = load(catalog.model("sana-demo"), catalog.pools["sana-demo-local"], CPU)
    model = loaded.family
    asked = {"max_sequence_length": 300, "width": 128, "height": 128}
    orders = [order(model, "short", prompt="a red circle", **asked), order(model, "long", prompt=20 * "red ", **asked)]
    rendered = render_together(Engine(model, tmp_path), orders)
    manifest = manifest_of(orders[0], rendered["short"], loaded)
    assert manifest.steps[0].text_tokens > 16  # type: ignore[operator]
    assert render_again_of(manifest)


def render_again_of(manifest: Manifest) -> bool:
    """As `farm verify` does it: with the model as the catalog has it, and no pool."""
    from workers.verification.rerender import render_again

    loaded = load(load_catalog(Settings()).model("sana-demo"), None, CPU)
    return render_again(Manifest.model_validate_json(manifest.model_dump_json()), loaded).same_pixels


def test_the_shipped_pools_pad_prompts_no_further_than_they_must() -> None:
    for variables in ({}, {"FARM_ENVIRONMENT": "production"}):
        assert {pool.prompt_padding for pool in load_catalog(Settings(), variables).pools.values()} == {"longest"}
