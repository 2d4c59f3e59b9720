"""`fast` renders: what diffusers gives with the same cache, and nothing of it for anybody else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FirstBlockCacheConfig, SeaCacheConfig
from diffusers.hooks import MagCacheConfig, apply_first_block_cache
from diffusers.models.cache_utils import CacheMixin

from tests.workers.orders import (
    batch,
    call_pipeline,
    order,
    parameters,
    pixels_of,
    render,
    run,
    saved_paths,
    tiny_family,
    watch_latents,
    with_checkpoint,
)
from tests.workers.trouble import trouble
from workers.denoising.track import Track
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import FromEngine, Rendered, RenderOrder, StepTrace

STEPS = 8
RATIOS = [1.0] * STEPS
#: Of random weights, which change much from pass to pass; each leaves out some of eight passes, and not all.
FIRST = {"kind": "first-block", "threshold": 0.6}
SEA = {"kind": "sea", "threshold": 0.9}
MAG = {"kind": "mag", "threshold": 0.1, "mag_ratios": RATIOS}
CONFIGS = {
    "first-block": FirstBlockCacheConfig(threshold=FIRST["threshold"]),
    "sea": SeaCacheConfig(threshold=SEA["threshold"]),
    "mag": MagCacheConfig(threshold=MAG["threshold"], num_inference_steps=STEPS, mag_ratios=RATIOS),
}


def fast(family: Family, render_id: str = "r1", cache: dict[str, Any] = FIRST, **changes: Any) -> RenderOrder:
    """An order with a step cache."""
    return order(family, render_id, num_inference_steps=STEPS, speed="fast", step_cache=cache, **changes)


def traces(said: Sequence[FromEngine]) -> dict[str, list[StepTrace]]:
    """The passes of each render."""
    return {message.render_id: message.trace for message in said if isinstance(message, Rendered)}


def oracle(family: Family, cache: dict[str, Any], values: dict[str, Any]) -> torch.Tensor:
    """Final latents as diffusers makes them with that cache; Sana's pipelines do not set the context for it."""
    transformer = family.pipeline.transformer
    if hasattr(transformer, "enable_cache"):
        each = [getattr(family.pipeline, name) for name in family.experts.values()]
        for one in each:
            one.enable_cache(CONFIGS[cache["kind"]])
        made = call_pipeline(family, values, "latent")
        for one in each:
            one.disable_cache()
    else:
        apply_first_block_cache(transformer, CONFIGS["first-block"])
        with CacheMixin.cache_context(transformer, "both"):
            made = call_pipeline(family, values, "latent")
    return made  # type: ignore[no-any-return]


@pytest.mark.parametrize("guidance", [5.3, 1.0])
@pytest.mark.parametrize(
    ("name", "cache", "sampler"),
    [
        ("sana", FIRST, "dpm++-2m"),
        ("sana", FIRST, "heun"),
        ("wan", FIRST, "unipc"),
        ("wan", SEA, "euler"),
        ("wan", MAG, "dpm++-2m"),
        ("wan-i2v", FIRST, "unipc"),
        ("wan22", FIRST, "unipc"),
        ("wan22", SEA, "heun"),
        ("wan22-i2v", FIRST, "unipc"),
        ("wan22-ti2v", FIRST, "unipc"),
        ("sana-video", FIRST, "dpm++-2m"),
    ],
)
def test_a_fast_render_alone_is_to_the_bit_what_diffusers_gives_with_that_cache(
    name: str, cache: dict[str, Any], sampler: str, guidance: float, tmp_path: Path
) -> None:
    family = tiny_family(name)
    changes = {"sampler": sampler, "guidance_scale": guidance}
    seen = watch_latents(family)
    said = render(family, tmp_path, [fast(family, cache=cache, **changes)])
    left_out = [step.left_out for step in traces(said)["r1"]]
    assert any(left_out)
    assert not all(left_out)
    values = parameters(name, num_inference_steps=STEPS, **changes)
    assert torch.equal(seen["r1"], oracle(tiny_family(name), cache, values))


def test_a_render_after_a_fast_one_has_every_bit_of_the_whole_model(tmp_path: Path) -> None:
    family = tiny_family("wan")
    seen = watch_latents(family)
    render(family, tmp_path, [order(family, "before")])
    render(family, tmp_path, [fast(family)])
    said = render(family, tmp_path, [order(family, "after")])
    assert torch.equal(seen["before"], seen["after"])
    assert not any(step.left_out for step in traces(said)["after"])


def test_fast_ones_share_passes_with_those_of_their_batch_only(tmp_path: Path) -> None:
    """One more fast one, one that is not, and one of other steps come while two are half-done."""
    family = tiny_family("sana")
    seen = watch_latents(family)
    engine = Engine(family, tmp_path)
    engine.admit(batch([fast(family, "a"), fast(family, "b", seed=3)]))
    said = run(engine, steps=5)
    engine.admit(batch([fast(family, "late", seed=4), order(family, "whole", seed=5)], "b2"))
    said += run(engine)
    sizes = {render_id: {step.batch_size for step in trace} for render_id, trace in traces(said).items()}
    assert sizes == {"a": {2}, "b": {2}, "late": {1}, "whole": {1}}
    alone = watch_latents(other := tiny_family("sana"))
    render(other, tmp_path, [order(other, "whole", seed=5)])
    assert torch.equal(seen["whole"], alone["whole"])


def test_when_one_of_a_batch_is_cancelled_the_others_go_on_from_a_whole_pass(tmp_path: Path) -> None:
    family = tiny_family("wan")
    engine = Engine(family, tmp_path)
    engine.admit(batch([fast(family, "a"), fast(family, "b", seed=3)]))
    run(engine, steps=6)
    engine.drop("b")
    assert not family.step_caches._kept, "what was remembered for both takes no memory any more"
    trace = traces(run(engine))["a"]
    assert [step.batch_size for step in trace] == [2] * 4 + [1] * 4
    assert not trace[4].left_out


def test_a_fast_render_that_was_parked_for_others_has_the_same_bits(tmp_path: Path) -> None:
    lone = watch_latents(family := tiny_family("wan"))
    render(family, tmp_path, [fast(family)])
    seen = watch_latents(family := tiny_family("wan"))
    engine = Engine(family, tmp_path)
    engine.admit(batch([fast(family)]))
    run(engine, steps=5)
    engine.park(["r1"])
    engine.admit(batch([order(family, "whole"), fast(family, "other", cache=SEA, seed=9)], "b2"))
    run(engine, steps=9)
    engine.resume(["r1"])
    run(engine)
    assert torch.equal(seen["r1"], lone["r1"])


def test_without_memory_for_all_of_a_batch_its_parts_go_on(tmp_path: Path) -> None:
    family = tiny_family("sana")
    kept: list[set[tuple[str, ...]]] = []

    def short(tracks: Sequence[Track]) -> Exception | None:
        kept.append(set(family.step_caches._kept))
        return torch.OutOfMemoryError("full") if len(tracks) > 1 else None

    trouble(family, "predict", short)
    said = render(family, tmp_path, [fast(family, "a"), fast(family, "b", seed=3)])
    assert set(pixels_of(said)) == {"a", "b"}
    assert kept[:2] == [{("a", "b")}, {("a",)}], "the cache of both is gone before the halves are tried"


@pytest.mark.parametrize("cache", [FIRST, MAG], ids=["first-block", "mag"])
def test_one_that_goes_on_from_a_checkpoint_begins_with_a_whole_pass(cache: dict[str, Any], tmp_path: Path) -> None:
    """Mag counts steps from its first, so it leaves out nothing any more."""
    family = tiny_family("wan")
    engine = Engine(family, tmp_path)
    engine.admit(batch([fast(family, cache=cache)]))
    run(engine, steps=5)
    path = saved_paths(engine)["r1"]
    again = Engine(tiny_family("wan"), tmp_path)
    again.admit(batch([with_checkpoint(fast(family, cache=cache), path)]))
    left_out = [step.left_out for step in traces(run(again))["r1"]][4:]
    assert not left_out[0]
    assert any(left_out) == (cache is FIRST)
