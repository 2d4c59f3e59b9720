"""A pass runs with exactly what its renders want on the model, or not at all; whatever went wrong before it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import SanaTransformer2DModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper
from safetensors.torch import save_file

from tests.workers.denoising.test_lora import make, picture
from tests.workers.denoising.test_step_caches import fast, traces
from tests.workers.orders import batch, order, pixels_of, render, run, tiny_family, watch_latents
from tests.workers.trouble import failures
from workers.denoising import step_caches
from workers.denoising.fault_isolation import StateInDoubt
from workers.denoising.lora import Adapter, Adapters, AdaptersInDoubt, AdapterUnfit
from workers.engine.step_loop import Engine
from workers.families.base import Family
from workers.protocol import RenderFailed, RenderOrder, adapter_file


@pytest.fixture
def family() -> Family:
    return tiny_family("sana")


@pytest.fixture(scope="module")
def ink(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return make(tmp_path_factory.mktemp("ink"), "ink")


@pytest.fixture(scope="module")
def oil(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return make(tmp_path_factory.mktemp("oil"), "oil")


def inked(family: Family, adapter: Adapter, render_id: str = "inked", **changes: Any) -> RenderOrder:
    lora = {"name": adapter.name, "weight": adapter.weight, "sha256": adapter.sha256}
    asked = order(family, render_id, loras=[lora], **changes)
    return replace(asked, inputs={adapter_file(adapter.sha256): adapter.path})


def once(patch: pytest.MonkeyPatch, owner: type, name: str, error: Exception, *, at: int = 1) -> None:
    """Let the at-th call of a method raise after it has done its work."""
    real, calls = getattr(owner, name), []

    def raises(this: Any, *given: Any, **named: Any) -> Any:
        calls.append(1)
        result = real(this, *given, **named)
        if len(calls) == at:
            raise error
        return result

    patch.setattr(owner, name, raises)


@pytest.mark.parametrize("at", [1, 3, 9])
@pytest.mark.parametrize("method", ["set_adapter", "enable_adapters", "delete_adapter"])
def test_an_error_at_any_moment_of_an_exchange_leaves_no_adapter_on(
    method: str, at: int, ink: Adapter, oil: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = tiny_family("sana").pipeline
    plain = picture(pipeline)
    adapters = Adapters(pipeline, most=1)  # so that each exchange unloads too
    adapters.use([ink])
    right = picture(pipeline)
    with monkeypatch.context() as patch:
        once(patch, BaseTunerLayer, method, RuntimeError("at a bad moment"), at=at)
        for wanted in ([oil], [ink], []):
            try:
                adapters.use(wanted)
            except (RuntimeError, AdapterUnfit):
                assert torch.equal(picture(pipeline), plain)
    adapters.use([])
    assert torch.equal(picture(pipeline), plain)
    adapters.use([ink])
    assert torch.equal(picture(pipeline), right)


def test_layers_that_somebody_else_changed_are_put_right_before_the_next_pass(
    family: Family, ink: Adapter, tmp_path: Path
) -> None:
    expected = pixels_of(render(tiny_family("sana"), tmp_path, [inked(family, ink), order(family, "plain")]))
    engine, transformer = Engine(family, tmp_path), family.pipeline.transformer
    engine.admit(batch([inked(family, ink), order(family, "plain")]))
    said = run(engine, steps=4)
    for change in (
        lambda layer: layer.enable_adapters(True),
        lambda layer: layer.enable_adapters(False),
        lambda layer: layer.set_scale(ink.slot, 7.0),
    ):
        change(next(module for module in reversed(list(transformer.modules())) if isinstance(module, BaseTunerLayer)))
        said += run(engine, steps=2)
    found = pixels_of(said + run(engine))
    assert all((found[name] == expected[name]).all() for name in ("inked", "plain"))


def test_layers_that_do_not_obey_are_taken_out_and_their_render_is_tried_elsewhere(
    family: Family, ink: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pixels_of(render(tiny_family("sana"), tmp_path, [order(family, "plain")]))["plain"]
    render(family, tmp_path, [inked(family, ink)])
    stuck = next(module for module in family.pipeline.transformer.modules() if isinstance(module, BaseTunerLayer))
    monkeypatch.setattr(stuck, "enable_adapters", lambda enabled: None)
    said = render(family, tmp_path, [order(family, "plain")])
    assert (pixels_of(said)["plain"] == expected).all(), "it was left on, and none is loaded any more"
    assert not [module for module in family.pipeline.transformer.modules() if isinstance(module, BaseTunerLayer)]
    # One whose scale cannot be set:
    monkeypatch.setattr(BaseTunerLayer, "enable_adapters", lambda layer, enabled: None)
    failed = failures(render(family, tmp_path, [inked(family, ink)]))["inked"]
    assert AdaptersInDoubt.__name__ in failed.reason
    assert (failed.own_fault, failed.hopeless) == (True, False)


def test_an_engine_that_cannot_be_put_right_ends_and_gives_everything_back(
    family: Family, ink: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    render(family, tmp_path, [inked(family, ink)])
    monkeypatch.setattr(BaseTunerLayer, "enable_adapters", lambda layer, enabled: None)
    monkeypatch.setattr(SanaTransformer2DModel, "unload_lora", lambda model: (_ for _ in ()).throw(RuntimeError("no")))
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, "plain"), inked(family, ink, seed=2), order(family, "waits")]))
    said: list[Any] = []
    with pytest.raises(StateInDoubt, match="cannot be taken out"):
        _listen(engine, said)
    told = {message.render_id: message.own_fault for message in said if isinstance(message, RenderFailed)}
    assert told == {"plain": False, "inked": True, "waits": False}
    assert not pixels_of(said)


def test_what_a_lora_puts_outside_of_its_layers_is_refused_and_gone(
    family: Family, ink: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = pixels_of(render(tiny_family("sana"), tmp_path, [order(family, "plain")]))["plain"]
    load = SanaTransformer2DModel.load_lora_adapter

    def and_more(model: Any, *given: Any, **named: Any) -> None:
        load(model, *given, **named)
        model.proj_out = ModulesToSaveWrapper(model.proj_out, named["adapter_name"])

    monkeypatch.setattr(SanaTransformer2DModel, "load_lora_adapter", and_more)
    said = render(family, tmp_path, [inked(family, ink), order(family, "plain")])
    assert "does not fit this model" in failures(said)["inked"].reason
    assert (pixels_of(said)["plain"] == expected).all()


def test_memory_that_runs_out_while_a_lora_loads_is_freed_and_no_misfit(
    ink: Adapter, oil: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = tiny_family("sana").pipeline
    adapters = Adapters(pipeline, most=4)
    adapters.use([oil])
    right = picture(pipeline)
    adapters.use([ink])
    once(monkeypatch, SanaTransformer2DModel, "load_lora_adapter", torch.OutOfMemoryError("CUDA out of memory"))
    other = replace(oil, sha256="0" * 64)  # the same file under another name
    adapters.use([other])
    assert adapters.loaded == [other.sha256], "the others made room"
    assert torch.equal(picture(pipeline), right)


def test_a_render_whose_lora_never_gets_its_memory_may_be_tried_again(
    family: Family, ink: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(SanaTransformer2DModel, "load_lora_adapter", full)
    failed = failures(render(family, tmp_path, [inked(family, ink)]))["inked"]
    assert "out of memory" in failed.reason
    assert (failed.own_fault, failed.hopeless) == (True, False)


def test_reasons_name_the_file_and_nothing_of_other_renders(family: Family, ink: Adapter, tmp_path: Path) -> None:
    weights = {f"other.blocks.0.{half}.weight": torch.ones(4, 4) for half in ("lora_A", "lora_B")}
    save_file(weights, tmp_path / "wrong.safetensors")
    wrong = Adapter("wrong", "f" * 64, str(tmp_path / "wrong.safetensors"), 1.0)
    said = render(family, tmp_path, [inked(family, ink)])
    said += render(family, tmp_path, [inked(family, wrong, "unfit")])
    failed = failures(said)["unfit"]
    assert "the adapter 'wrong' does not fit this model" in failed.reason
    assert failed.hopeless
    assert ink.slot not in failed.reason
    assert wrong.slot not in failed.reason


def test_a_file_that_left_the_machine_is_no_misfit(family: Family, ink: Adapter, tmp_path: Path) -> None:
    gone = replace(ink, path=str(tmp_path / "gone.safetensors"))
    failed = failures(render(family, tmp_path, [inked(family, gone)]))["inked"]
    assert ("not there any more" in failed.reason, failed.hopeless) == (True, False)


def test_a_pool_that_takes_no_lora_loads_none(family: Family, ink: Adapter, tmp_path: Path) -> None:
    family.adapters[None].barred = "lays the model on several devices, whose parts take no adapters"
    said = render(family, tmp_path, [inked(family, ink), order(family, "plain")])
    assert "lays the model on several devices" in failures(said)["inked"].reason
    assert "plain" in pixels_of(said)


def test_a_step_cache_whose_pass_broke_off_begins_anew(family: Family, tmp_path: Path) -> None:
    """Two fast renders together; once the pass of both raises in its middle, and each is made alone instead."""
    engine = Engine(family, tmp_path)
    engine.admit(batch([fast(family, "a"), fast(family, "b", seed=3)]))
    said = run(engine, steps=5)  # two beginnings and three passes
    armed = [True]

    def break_off(*_: Any) -> None:
        if armed:
            armed.clear()
            raise RuntimeError("a kernel failed")

    family.pipeline.transformer.transformer_blocks[0].register_forward_pre_hook(break_off)
    trace = traces(said + run(engine))["a"]
    assert [step.batch_size for step in trace] == [2] * 3 + [1] + [2] * 4
    assert not trace[3].left_out
    assert not trace[4].left_out, "what the pass that broke off had written down is not gone on from"


def test_a_step_cache_that_goes_on_only_in_part_is_not_on_at_all(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watch_latents(family)
    render(family, tmp_path, [order(family, "before")])
    apply: Callable[..., None] = step_caches.apply_first_block_cache

    def in_part(*given: Any) -> None:
        apply(*given)
        raise ValueError("not with these blocks")

    monkeypatch.setattr(step_caches, "apply_first_block_cache", in_part)
    said = render(family, tmp_path, [fast(family, "fast"), order(family, "after")])
    assert "not with these blocks" in failures(said)["fast"].reason
    assert torch.equal(seen["before"], seen["after"])


def test_no_pass_runs_under_a_step_cache_that_nobody_wants(family: Family, tmp_path: Path) -> None:
    render(family, tmp_path, [order(family)])
    cache = step_caches.FirstBlockCacheConfig(threshold=0.6)
    step_caches.apply_first_block_cache(family.pipeline.transformer, cache)
    engine = Engine(family, tmp_path)
    engine.admit(batch([order(family, "plain")]))
    with pytest.raises(StateInDoubt, match="step cache"):
        run(engine)


def _listen(engine: Engine, said: list[Any]) -> None:
    """Take down what an engine says, also before it raises."""
    while not engine.idle:
        for message in engine.step():
            said.append(message)
