"""A LoRA of the catalog is held against the model at validation, where its file lies on this machine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from farm.catalog import Catalog
from farm.catalog.architectures import architecture_of
from farm.errors import InvalidRequest
from farm.params import Resolved, check_and_resolve
from farm.params.model_change_checks import ModelChangeChecks
from tests.farm.catalog.test_catalog import load

COMMIT = "5" * 40
PLACES = ("on the disk", "in the Hub's cache")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """Where the adapter's file is put, and the source that the catalog gives for it."""
    if request.param == PLACES[0]:
        path = tmp_path / "ink.safetensors"
        return path, f"path: {path}"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--somebody--ink"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    path = repository / "snapshots" / COMMIT / "ink.safetensors"
    path.parent.mkdir(parents=True)
    return path, "repo: somebody/ink, revision: main, file: ink.safetensors"


@pytest.fixture
def catalog(tmp_path: Path, place: tuple[Path, str]) -> Catalog:
    source = f"source: {{{place[1]}, sha256: '{'ab' * 32}'}}"
    return load(tmp_path, f"adapters:\n  ink:\n    title: Ink\n    models: [sana-demo]\n    {source}\n")


def write_lora(path: Path, catalog: Catalog, count: int, foreign: int = 0) -> None:
    """A LoRA of so many layers of the demo model, and of so many that it does not have."""
    architecture = architecture_of(catalog.model("sana-demo"))
    assert architecture is not None
    flat = [(name, layer.shape) for name, layer in architecture.transformer.layers.items() if len(layer.shape) == 2]
    layers = [*flat[:count], *((f"no.such.layer.{number}", (8, 8)) for number in range(foreign))]
    tensors: dict[str, Any] = {}
    for name, (outputs, inputs) in layers:
        tensors[f"transformer.{name}.lora_A.weight"] = np.ones((2, inputs), np.float32)
        tensors[f"transformer.{name}.lora_B.weight"] = np.ones((outputs, 2), np.float32)
    save_file(tensors, path)


def resolved(catalog: Catalog, **more: Any) -> Resolved:
    body = {"model": "sana-demo", "prompt": "a red circle", "loras": [{"name": "ink"}], **more}
    return check_and_resolve(body, catalog, max_renders=10, draw_seed=lambda: 1)[1]


def kept(resolved: Resolved) -> tuple[bool, int | None, int | None]:
    [adapter] = resolved.renders[0].loras
    return adapter.partial, adapter.applied, adapter.layers


def test_one_that_fits_is_rendered_and_the_render_keeps_how_much_of_it(
    catalog: Catalog, place: tuple[Path, str]
) -> None:
    write_lora(place[0], catalog, count=3)
    assert kept(resolved(catalog)) == kept(resolved(catalog, allow_partial=True)) == (False, 3, 3)


def test_one_that_fits_in_nothing_is_refused(catalog: Catalog, place: tuple[Path, str]) -> None:
    write_lora(place[0], catalog, count=0, foreign=2)
    with pytest.raises(InvalidRequest, match=r"'ink' does not fit sana-demo: it takes none of the 2 layers"):
        resolved(catalog, allow_partial=True)


def test_one_that_fits_in_part_is_rendered_if_the_submitter_says_so(catalog: Catalog, place: tuple[Path, str]) -> None:
    write_lora(place[0], catalog, count=3, foreign=1)
    with pytest.raises(InvalidRequest, match=r"takes 3 of the 4 layers .*no\.such\.layer\.0.*; say allow_partial"):
        resolved(catalog)
    allowed = resolved(catalog, allow_partial=True)
    assert kept(allowed) == (True, 3, 4)
    assert "takes 3 of the 4 layers" in allowed.notices[0]


def test_a_file_that_changes_is_read_again_also_for_a_render_that_is_made_again(
    catalog: Catalog, place: tuple[Path, str]
) -> None:
    write_lora(place[0], catalog, count=3)
    (render,) = resolved(catalog).renders
    assert not isinstance(ModelChangeChecks(catalog.model("sana-demo"), {}.get).check(render.document()), list)
    write_lora(place[0], catalog, count=0, foreign=2)
    assert isinstance(ModelChangeChecks(catalog.model("sana-demo"), {}.get).check(render.document()), list)


@pytest.mark.parametrize("content", [None, b"", b"no safetensors file"])
def test_of_a_file_that_is_not_here_or_is_none_the_worker_says_what_fits(
    catalog: Catalog, place: tuple[Path, str], content: bytes | None
) -> None:
    if content is not None:
        place[0].write_bytes(content)
    assert kept(resolved(catalog)) == (False, None, None)
    assert kept(resolved(catalog, allow_partial=True)) == (True, None, None)
