"""Faster passes: compiled blocks give what plain ones do; what a transformer cannot do is said at the start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from farm.catalog.pool import PoolEntry
from tests.workers import tiny_pipelines
from tests.workers.orders import CPU, order, pixels_of, render
from workers.families.base import Family
from workers.pipelines.load import LoadingFailed, load
from workers.protocol import Rendered

Folders = Callable[[str], Path]


def loaded(family: str, folder: Path, **settings: Any) -> Family:
    pool = PoolEntry.model_validate({"name": "tiny", "model": "tiny", **settings})
    return load(tiny_pipelines.entry(family, folder), pool, CPU).family


@pytest.mark.parametrize("family", ["sana", "sprint", "wan", "wan22"])
def test_the_repeated_blocks_are_compiled_and_nothing_else(tiny_folder: Folders, family: str) -> None:
    made = loaded(family, tiny_folder(family), compile=True)
    for name in made.experts.values():
        modules = getattr(made.pipeline, name).modules()
        compiled = {type(part).__name__ for part in modules if part._compiled_call_impl is not None}
        assert compiled == {"WanTransformerBlock" if family.startswith("wan") else "SanaTransformerBlock"}


def test_a_machine_without_a_compiler_says_so_at_the_start_and_not_in_each_render(
    tiny_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(LoadingFailed, match=r"'tiny' wants 'compile', .* no compiler of C\+\+ \(g\+\+\)\. Install"):
        loaded("wan", tiny_folder("wan"), compile=True)
    monkeypatch.setenv("CXX", "/nowhere/c++")
    with pytest.raises(LoadingFailed, match=r"no compiler of C\+\+ \(/nowhere/c\+\+\)"):
        loaded("wan", tiny_folder("wan"), compile=True)


@pytest.mark.long  # the first pass compiles
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, about torch
@pytest.mark.parametrize("family", ["sana", "wan"])
def test_compiled_blocks_render_the_same_picture(tiny_folder: Folders, tmp_path: Path, family: str) -> None:
    pictures = []
    for setting in (False, True):
        made = loaded(family, tiny_folder(family), compile=setting)
        pictures.append(pixels_of(render(made, tmp_path, [order(made)]))["r1"].astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 2  # kernels that are fused round otherwise


def test_an_attention_backend_is_used(tiny_folder: Folders, tmp_path: Path) -> None:
    plain = loaded("wan", tiny_folder("wan"))
    chosen = loaded("wan", tiny_folder("wan"), attention="_native_math")
    backends = {
        getattr(part.processor, "_attention_backend", None)
        for part in chosen.pipeline.transformer.modules()
        if hasattr(part, "processor")
    }
    assert [getattr(backend, "value", None) for backend in backends] == ["_native_math"]
    pictures = [pixels_of(render(made, tmp_path, [order(made)]))["r1"].astype(int) for made in (plain, chosen)]
    assert np.abs(pictures[0] - pictures[1]).max() <= 2


@pytest.mark.parametrize("backend", ["flash", "sage", "nonsense"])
def test_a_backend_that_is_not_here_is_named_with_what_is_missing(tiny_folder: Folders, backend: str) -> None:
    with pytest.raises(LoadingFailed, match=rf"pool 'tiny' wants attention '{backend}', which this machine does not"):
        loaded("wan", tiny_folder("wan"), attention=backend)


def test_sana_refuses_a_backend_that_diffusers_would_not_use(tiny_folder: Folders) -> None:
    with pytest.raises(LoadingFailed, match=r"computes its attention itself: .*Leave 'attention' out"):
        loaded("sana", tiny_folder("sana"), attention="native")


@pytest.mark.long  # the first pass compiles
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, about torch
@pytest.mark.parametrize("family", ["sana", "wan"])
def test_compiled_blocks_are_left_out_as_plain_ones_are(tiny_folder: Folders, tmp_path: Path, family: str) -> None:
    made = loaded(family, tiny_folder(family), compile=True)
    plain = loaded(family, tiny_folder(family))
    cache = {"kind": "first-block", "threshold": 9.0}  # all but the first pass
    fast = {"num_inference_steps": 8, "speed": "fast", "step_cache": cache}
    said, expected = (render(each, tmp_path, [order(each, **fast)]) for each in (made, plain))
    told = [message for message in [*said, *expected] if isinstance(message, Rendered)]
    assert [[step.left_out for step in message.trace] for message in told] == [[False] + 7 * [True]] * 2
    differences = pixels_of(said)["r1"].astype(int) - pixels_of(expected)["r1"].astype(int)
    assert np.abs(differences).max() <= 2
    whole = pixels_of(render(made, tmp_path, [order(made)]))["r1"].astype(int)
    assert np.abs(whole - pixels_of(render(plain, tmp_path, [order(plain)]))["r1"].astype(int)).max() <= 2
