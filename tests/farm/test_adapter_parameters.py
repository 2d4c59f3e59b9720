"""Adapters of a request: by name or by id, checked at the door, and complete in what a render keeps."""

from pathlib import Path
from typing import Any

import pytest

from farm.catalog import Catalog
from farm.errors import InvalidRequest
from farm.params import Resolved, batch_key, check_and_resolve, parse_parameters
from farm.params.base import InputRef
from farm.params.rechecking import Recheck
from tests.farm.test_adapter_entries import SHA256, SKETCH
from tests.farm.test_catalog import load

UPLOADED = InputRef(id="0198-mine", key="projects/p/inputs/0198-mine.safetensors", sha256="ab" * 32)
PICTURE = InputRef(id="0198-photo", key="projects/p/inputs/0198-photo.png", sha256="cd" * 32)
FILES = {file.id: file for file in (UPLOADED, PICTURE)}


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return load(tmp_path, SKETCH)


def resolved(catalog: Catalog, loras: list[dict[str, Any]], model: str = "sana-demo", **more: Any) -> Resolved:
    body = {"model": model, "prompt": "a red circle", "loras": loras, **more}
    return check_and_resolve(body, catalog, max_renders=10, draw_seed=lambda: 1, find_input=FILES.get)[1]


def test_a_render_keeps_its_adapters_with_their_hashes_in_the_order_of_their_names(catalog: Catalog) -> None:
    (render,) = resolved(catalog, [{"name": "sketch"}, {"name": "0198-mine", "weight": 0.5}]).renders
    stored = [(adapter.name, adapter.weight, adapter.sha256, adapter.key) for adapter in render.loras]
    assert stored == [("0198-mine", 0.5, "ab" * 32, UPLOADED.key), ("sketch", 0.8, SHA256, None)]
    assert parse_parameters(render.document()) == render
    (without,) = resolved(catalog, [{"name": "sketch", "weight": 0}]).renders
    assert without.loras == ()


def test_only_renders_with_the_same_adapters_at_the_same_weights_share_passes(catalog: Catalog) -> None:
    entry = catalog.model("sana-demo")
    asked: list[list[dict[str, Any]]] = [
        [],
        [{"name": "sketch"}],
        [{"name": "sketch", "weight": 0.7}],
        [{"name": "sketch"}, {"name": "0198-mine"}],
    ]
    keys = [batch_key(resolved(catalog, loras).renders[0], entry) for loras in asked]
    assert len(set(keys)) == len(keys)
    turned = resolved(catalog, [{"name": "0198-mine"}, {"name": "sketch"}]).renders[0]
    assert batch_key(turned, entry) == keys[-1]


@pytest.mark.parametrize(
    ("loras", "field", "said"),
    [
        ([{"name": "sketsh"}], "/loras/0/name", "did you mean 'sketch'"),
        ([{"name": "0198-photo"}], "/loras/0/name", "nor was one of that id uploaded"),
        ([{"name": "sketch", "weight": 5}], "/loras/0/weight", "between -4 and 4"),
        ([{"name": "sketch"}, {"name": "sketch"}], "/loras/1/name", "a second time"),
        ([{"name": f"sketch-{number}"} for number in range(5)], "/loras", "at most 4 adapters; seen 5"),
        ([{"name": "sketch", "strength": 1}], "/loras/0/strength", "unknown field"),
    ],
)
def test_wrong_adapters_are_refused_with_their_place(
    catalog: Catalog, loras: list[dict[str, Any]], field: str, said: str
) -> None:
    with pytest.raises(InvalidRequest) as wrong:
        resolved(catalog, loras)
    assert [fault.field for fault in wrong.value.faults] == [field]
    assert said in wrong.value.faults[0].message


def test_an_adapter_of_another_model_and_an_adapter_as_a_picture_are_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest, match="wan-demo has no adapter 'sketch'"):
        resolved(catalog, [{"name": "sketch"}], "wan-demo")
    with pytest.raises(InvalidRequest, match="no picture"):
        resolved(catalog, [], "sprint-demo", image="0198-mine")


def test_a_render_that_moves_to_another_model_keeps_its_adapters_or_is_refused(catalog: Catalog) -> None:
    (render,) = resolved(catalog, [{"name": "sketch"}, {"name": "0198-mine"}]).renders
    again = Recheck(catalog.model("sana-demo")).check(render.document())
    assert not isinstance(again, list)
    assert again.loras == render.loras
    other = Recheck(catalog.model("sana-600m-512px")).check(render.document())
    assert isinstance(other, list)
    assert any("sketch" in fault.message for fault in other)
