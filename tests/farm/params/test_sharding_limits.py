"""Clips for workers that split them over several devices: what cannot be split is refused at validation."""

from pathlib import Path
from typing import Any

import pytest

from farm.catalog import Catalog, load_catalog
from farm.errors import CatalogError, InvalidRequest
from farm.params import JobRequest, resolve
from farm.params.model_change_checks import ModelChangeChecks
from farm.params.sharding_limits import division_fault
from farm.params.sizes import Shape
from farm.settings import load_settings

MODEL = "wan21-t2v-14b"


def catalog(tmp_path: Path, sharding: str, model: str = MODEL) -> Catalog:
    """The shipped catalog with one more pool."""
    file = tmp_path / "catalog.yaml"
    file.write_text(f"pools: {{big: {{model: {model}, sharding: {sharding}}}}}")
    return load_catalog(load_settings(variables={"FARM_CATALOG": str(file)}), {})


def faults_of(entries: Catalog, **fields: Any) -> list[tuple[str, str]]:
    """What request validation has against a clip."""
    request = JobRequest.model_validate({"model": MODEL, "prompt": "a red circle", **fields})
    try:
        resolve(request, entries.model(MODEL), max_renders=10, draw_seed=lambda: 1)
    except InvalidRequest as invalid:
        return [(fault.field, fault.message) for fault in invalid.faults]
    return []


@pytest.mark.parametrize("by", ["sequence", "weights+sequence"])
def test_a_clip_that_its_workers_cannot_split_is_refused_with_one_that_they_can(tmp_path: Path, by: str) -> None:
    entries = catalog(tmp_path, f"{{by: {by}, devices: 8}}")
    assert faults_of(entries, width=832, height=480, num_frames=81) == []
    [(field, message)] = faults_of(entries, width=848, height=464, num_frames=81)
    assert field == "/width"
    # 21 latent frames of 53 x 29 tokens; 832x464 are 21 x 52 x 29, which 8 does not divide either.
    assert "848x464 with 81 frames is 32,277 tokens" in message
    assert "8 equal parts" in message
    assert "take 896x464" in message
    assert faults_of(entries, width=896, height=464, num_frames=81) == []


def test_every_combination_of_a_sweep_is_looked_at(tmp_path: Path) -> None:
    entries = catalog(tmp_path, "{by: sequence, devices: 2}")
    assert faults_of(entries, width=[832, 848], height=464, num_frames=81)[0][0] == "/width/1"


def test_a_job_is_not_given_to_another_model_whose_workers_cannot_split_it(tmp_path: Path) -> None:
    entries = catalog(tmp_path, "{by: sequence, devices: 2}")
    request = JobRequest.model_validate({"model": MODEL, "prompt": "a", "width": 848, "height": 464})
    plain = load_catalog(load_settings(variables={}), {}).model(MODEL)
    [render] = resolve(request, plain, max_renders=1, draw_seed=lambda: 1).renders
    assert isinstance(ModelChangeChecks(entries.model(MODEL)).check(render.model_dump()), list)


def test_pools_that_split_into_different_numbers_are_all_obeyed(tmp_path: Path) -> None:
    entries = catalog(
        tmp_path, f"{{by: sequence, devices: 4}}}}, other: {{model: {MODEL}, sharding: {{by: sequence, devices: 6}}"
    )
    assert entries.model(MODEL).sequence_parts == 12


@pytest.mark.parametrize("by", ["layers", "sequence", "weights+sequence"])
def test_adapters_are_refused_where_a_model_lies_on_several_devices_otherwise_than_by_its_weights(
    tmp_path: Path, by: str
) -> None:
    entries = catalog(tmp_path, f"{{by: {by}, devices: 2}}")
    [(field, message)] = faults_of(entries, loras=[{"name": "some-style"}])
    assert field == "/loras"
    assert f"by {by}, and only by weights they take adapters" in message
    by_weights = catalog(tmp_path, "{by: weights, devices: 2}").model(MODEL)
    assert by_weights.sharded
    assert not by_weights.without_adapters


def test_weights_and_layers_leave_every_shape_alone(tmp_path: Path) -> None:
    for by in ("weights", "layers"):
        entry = catalog(tmp_path, f"{{by: {by}, devices: 8}}").model(MODEL)
        assert division_fault(entry, Shape(848, 464, 81)) is None


@pytest.mark.parametrize(
    ("model", "sharding", "said"),
    [
        ("sana-demo", "{by: sequence, devices: 2}", "no plan to split the sequence of sana models; take 'weights'"),
        (MODEL, "{by: layers, devices: 4, ring: 2}", "by 'layers' it is not split"),
        (MODEL, "{by: sequence, devices: 4, ring: 3}", "devices (4) must be a multiple of ring (3)"),
        (MODEL, "{by: sequence, devices: 1}", "pools.big.sharding.devices"),
        (MODEL, "{by: sequence, devices: 4, ring: 2}", "set 'attention' to one that does, such as 'flash'"),
        (MODEL, "{by: weights, devices: 2}, offload: blocks", "sharding and offload 'blocks' do not go together"),
    ],
)
def test_what_no_worker_could_do_is_a_fault_of_the_catalog(
    tmp_path: Path, model: str, sharding: str, said: str
) -> None:
    with pytest.raises(CatalogError) as refused:
        catalog(tmp_path, sharding, model)
    assert said in str(refused.value)
