"""Warm-up: the engine has rendered once before anybody asks, and nothing of it is seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, order, pixels_of, render, tiny_family
from workers.engine.warm_up import warm_up
from workers.families.base import Family
from workers.pipelines.load import load

Folders = Callable[[str], Path]


@pytest.mark.parametrize("family", ["sana", "sprint", "wan"])
def test_every_part_has_worked_before_the_first_render(family: str) -> None:
    model = tiny_family(family)
    called: list[str] = []
    for name in ("embed", "predict", "decode"):
        _watch(model, name, called)
    assert warm_up(model) is not None
    assert called == ["embed", "predict", "decode"]


def test_both_experts_have_worked_before_the_first_render() -> None:
    model = tiny_family("wan22")
    called: list[str] = []
    for name in model.experts.values():
        part = getattr(model.pipeline, name)
        part.register_forward_pre_hook(lambda *_, name=name: called.append(name))
    assert warm_up(model) is not None
    assert set(called) == {"transformer", "transformer_2"}


def test_compiled_blocks_know_every_shape_after_it(tmp_path: Path) -> None:
    # Given a model whose blocks are compiled, with a compiler that only counts what it is asked for,
    model, compiled = tiny_family("sana"), []
    model.prompt_padding = "longest"

    def compiler(graph: Any, _: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    model.pipeline.transformer._repeated_blocks = ["SanaTransformerBlock"]
    model.pipeline.transformer.compile_repeated_blocks(fullgraph=True, backend=compiler)
    # when it is warmed up for passes of eight renders,
    assert warm_up(model, compiled_for=8) is not None
    known = len(compiled)
    assert known > 1
    # then nothing is compiled for renders of any number, size, length of prompt and guidance.
    each: list[dict[str, Any]] = [{}, {"width": 64}, {"height": 96}, {"prompt": 40 * "fox "}, {}, {}, {}, {}]
    for count, changes in enumerate(each, start=1):
        asked = {"max_sequence_length": 64, **changes}
        render(model, tmp_path, [order(model, f"r{number}", **asked) for number in range(count)])
    render(model, tmp_path, [order(model, guidance_scale=1.0)])
    assert len(compiled) == known


def test_renders_after_it_are_those_without_it(tiny_folder: Folders, tmp_path: Path) -> None:
    models = [load(tiny_pipelines.entry("sana", tiny_folder("sana")), None, CPU).family for _ in range(2)]
    warm_up(models[1])
    cold, warm = (pixels_of(render(model, tmp_path, [order(model)]))["r1"] for model in models)
    assert (cold == warm).all()


def test_what_fails_in_it_is_no_reason_not_to_start() -> None:
    model = tiny_family("sana")

    def choke(_: Any) -> Any:
        raise RuntimeError("the kernel choked")

    model.predict = choke  # type: ignore[method-assign, assignment]
    assert warm_up(model) is None


def _watch(model: Family, name: str, called: list[str]) -> None:
    real = getattr(model, name)

    def watched(*arguments: Any) -> Any:
        called.append(name)
        return real(*arguments)

    setattr(model, name, watched)
