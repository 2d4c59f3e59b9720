"""Adapters of a request: by name or by id, checked at validation, and complete in what a render keeps."""

from pathlib import Path
from typing import Any

import pytest

from farm.adapters.compatibility import AdapterCompatibility, ArchitectureFit
from farm.catalog import Catalog
from farm.catalog.architectures import architecture_of
from farm.errors import InvalidRequest
from farm.params import Resolved, batch_key, check_and_resolve, parse_parameters
from farm.params.model_change_checks import ModelChangeChecks
from farm.params.request.base import InputRef
from tests.farm.catalog.test_adapter_entries import SHA256, SKETCH
from tests.farm.catalog.test_catalog import load

UPLOADED = InputRef(
    id="0198-mine", key="projects/p/inputs/0198-mine.safetensors", sha256="ab" * 32, name="my ink.safetensors"
)
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
    assert [adapter.file for adapter in render.loras] == [UPLOADED.name.removesuffix(".safetensors"), "sketch"]
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


def test_an_adapter_is_for_both_experts_or_for_the_one_that_is_named(catalog: Catalog) -> None:
    entry, keys = catalog.model("wan22-t2v-a14b"), []
    for expert in (None, "high-noise", "low-noise"):
        (render,) = resolved(catalog, [{"name": "0198-mine", "expert": expert}], entry.name).renders
        assert [adapter.expert for adapter in render.loras] == [expert]
        assert parse_parameters(render.document()) == render
        keys.append(batch_key(render, entry))
    assert len(set(keys)) == 3
    each = [{"name": "0198-mine", "expert": "low-noise", "weight": 0.5}, {"name": "0198-mine", "expert": "high-noise"}]
    (render,) = resolved(catalog, each, entry.name).renders
    assert [(adapter.expert, adapter.weight) for adapter in render.loras] == [("high-noise", 1.0), ("low-noise", 0.5)]
    with pytest.raises(InvalidRequest, match="a second time"):
        resolved(catalog, [*each, {"name": "0198-mine"}], entry.name)
    with pytest.raises(InvalidRequest, match="sana-demo has one transformer and no experts to choose from"):
        resolved(catalog, [{"name": "sketch", "expert": "high-noise"}])


def test_an_adapter_of_another_model_and_an_adapter_as_a_picture_are_refused(catalog: Catalog) -> None:
    with pytest.raises(InvalidRequest, match="wan-demo has no adapter 'sketch'"):
        resolved(catalog, [{"name": "sketch"}], "wan-demo")
    with pytest.raises(InvalidRequest, match="no picture"):
        resolved(catalog, [], "sprint-demo", image="0198-mine")


def fitting(catalog: Catalog, applied: int, layers: int, *models: str) -> InputRef:
    """An upload of which these models take so many layers, and all others that are known nothing."""
    known = {entry.name: architecture_of(entry) for entry in catalog.models.values()}
    shares = {found.id: ArchitectureFit(applied=0, reason="'x': no such layer") for found in known.values() if found}
    shares |= {
        found.id: ArchitectureFit(applied=applied, reason="'y': no") for name in models if (found := known[name])
    }
    told = AdapterCompatibility(layers=layers, rank=4, shares=shares).model_dump()
    return UPLOADED.model_copy(update={"adapter": told})


def test_what_fits_is_rendered_what_fits_nothing_is_not_and_what_fits_in_part_if_the_submitter_says_so(
    catalog: Catalog,
) -> None:
    def submitted(file: InputRef, **more: Any) -> Resolved:
        body = {"model": "sana-demo", "prompt": "a red circle", "loras": [{"name": file.id}], **more}
        found = {file.id: file}.get
        return check_and_resolve(body, catalog, max_renders=10, draw_seed=lambda: 1, find_input=found)[1]

    def kept(resolved: Resolved) -> tuple[bool, int | None, int | None]:
        [adapter] = resolved.renders[0].loras
        return adapter.partial, adapter.applied, adapter.layers

    whole = fitting(catalog, 20, 20, "sana-demo")
    assert kept(submitted(whole)) == kept(submitted(whole, allow_partial=True)) == (False, 20, 20)
    with pytest.raises(InvalidRequest, match="does not fit sana-demo: it takes none of the 20 layers, as of 'x'"):
        submitted(fitting(catalog, 20, 20, "wan-demo"), allow_partial=True)
    part = fitting(catalog, 7, 20, "sana-demo")
    with pytest.raises(InvalidRequest, match=r"takes 7 of the 20 layers .* 'y': no; say allow_partial"):
        submitted(part)
    allowed = submitted(part, allow_partial=True)
    assert kept(allowed) == (True, 7, 20)
    assert "takes 7 of the 20 layers" in allowed.notices[0]
    # Of a file that was stored before the farm looked at it the worker tells, and is told what will do.
    assert kept(submitted(UPLOADED)) == (False, None, None)
    assert kept(submitted(UPLOADED, allow_partial=True)) == (True, None, None)
    entry = catalog.model("sana-demo")
    keys = {batch_key(submitted(UPLOADED, allow_partial=said).renders[0], entry) for said in (True, False)}
    assert len(keys) == 2, "who did not say it is not rendered beside one who did"


def test_a_render_that_moves_is_held_against_what_the_other_model_takes(catalog: Catalog) -> None:
    (render,) = resolved(catalog, [{"name": "0198-mine"}]).renders
    entry = catalog.model("sana-demo")
    for file, fits in ((fitting(catalog, 20, 20, "sana-demo"), True), (fitting(catalog, 20, 20, "wan-demo"), False)):
        again = ModelChangeChecks(entry, {file.id: file}.get).check(render.document())
        assert isinstance(again, list) != fits


@pytest.mark.parametrize(
    ("pool", "said"),
    [
        ("{model: sana-demo, quantization: {transformer: fp8-cast}}", "'mine' holds the transformer as fp8-cast"),
        (
            "{model: sana-demo, sharding: {by: layers, devices: 2}}",
            "'mine' lays the model on several devices by layers",
        ),
    ],
)
def test_a_model_whose_pool_can_load_no_adapter_takes_none_and_names_the_pool(
    tmp_path: Path, pool: str, said: str
) -> None:
    changed = "sana-demo-local: {quantization: {transformer: fp8-cast}}, " if "fp8" in pool else ""
    catalog = load(tmp_path, SKETCH + f"\npools: {{{changed}mine: {pool}}}\n")
    with pytest.raises(InvalidRequest, match="/loras: sana-demo takes no adapters: pool ") as refused:
        resolved(catalog, [{"name": "sketch"}])
    assert said.removeprefix("'mine' ") in str(refused.value)
    assert resolved(catalog, []).renders[0].loras == ()


def test_a_render_that_moves_to_another_model_keeps_its_adapters_or_is_refused(catalog: Catalog) -> None:
    (render,) = resolved(catalog, [{"name": "sketch"}, {"name": "0198-mine"}]).renders
    again = ModelChangeChecks(catalog.model("sana-demo")).check(render.document())
    assert not isinstance(again, list)
    assert again.loras == render.loras
    other = ModelChangeChecks(catalog.model("sana-600m-512px")).check(render.document())
    assert isinstance(other, list)
    assert any("sketch" in fault.message for fault in other)
