"""The table of docs/models.md says of each family what its tests hold, and no more."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from farm.catalog import load_catalog
from farm.catalog.schema import ModelEntry
from farm.settings import Settings
from tests.end_to_end import test_each_family
from tests.workers import tiny_pipelines
from tests.workers.denoising import test_lora_weights
from tests.workers.engine import test_parked_tracks
from tests.workers.families import (
    test_adapters,
    test_condition_pictures,
    test_families,
    test_wan22,
    test_wan_animate,
    test_wan_vace,
)
from tests.workers.orders import KINDS
from tests.workers.pipelines import test_single_file_layouts
from tests.workers.sharding import test_sharding

DOCS = Path(__file__).parents[3] / "docs" / "models.md"
#: Of the demo's models, and those with tests of their own in tests/end_to_end.
FARMS = {"sana", "sprint", "wan", "wan-animate", "wan-vace", "wan22", "wan22-ti2v"}
PROMISES = (test_families, test_condition_pictures, test_wan22, test_wan_animate, test_wan_vace)


def table() -> dict[str, dict[str, str]]:
    """Family → heading → cell."""
    text = DOCS.read_text(encoding="utf-8").partition("## What is tested of each family")[2].partition("\n## ")[0]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    headings, _, *families = rows
    named = {row[0].replace("`", "").replace(" ", "-"): row[1:] for row in families}
    return {name: dict(zip(headings[1:], row, strict=True)) for name, row in named.items()}


def cases(test: Callable[..., object]) -> Iterator[dict[str, Any]]:
    """What a test is run with, by the names of its parameters; of several marks one after the other."""
    for mark in test.pytestmark:  # type: ignore[attr-defined]
        if mark.name == "parametrize":
            names = re.split(r",\s*", mark.args[0]) if isinstance(mark.args[0], str) else list(mark.args[0])
            for case in mark.args[1]:
                values = case.values if hasattr(case, "values") else case if len(names) > 1 else (case,)
                yield dict(zip(names, values, strict=True))


def families_in(*tests: Callable[..., object]) -> set[str]:
    """Those with which all of these tests are run, with each of their kinds of render where a test is run by kinds."""
    found = []
    for test in tests:
        asked = list(cases(test))
        named = {case["family"] for case in asked if "family" in case}
        kinds = {case["kind"] for case in asked if not named}
        lacking = {KINDS[kind][0] for kind in KINDS.keys() - kinds}
        found.append(named or {KINDS[kind][0] for kind in kinds} - lacking)
    return set.intersection(*found)


def sharded(by: str) -> set[str]:
    test = test_sharding.test_ranks_render_what_one_does_and_without_a_split_sequence_the_same_bits
    return {case["family"] for case in cases(test) if by in case["by"].split("+")}


def held_to_the_bit(modules: tuple[ModuleType, ...]) -> dict[str, str]:
    """Family → samplers x guidance x dtypes of the test that holds it against the pipeline."""
    found = {}
    for module in modules:
        for each in vars(module).values():
            if isinstance(each, type) and issubclass(each, test_families.Promises) and hasattr(each, "name"):
                asked = list(cases(each.test_alone_it_is_the_pipeline_to_the_bit))  # type: ignore[attr-defined]
                axes = [{case.get(axis) for case in asked} for axis in ("sampler", "guidance", "dtype")]
                if axes[1] == set(test_families.GUIDANCE):
                    found[each.name] = " × ".join(str(len(values)) for values in axes)
    return found


COLUMNS: dict[str, Callable[[], set[str]]] = {
    "parked, saved": lambda: families_in(
        test_parked_tracks.test_parked_renders_take_no_part_and_then_go_on_to_the_bit,
        test_parked_tracks.test_another_engine_goes_on_from_checkpoints_to_the_bit_in_a_batch,
        test_parked_tracks.test_no_tensor_of_a_parked_render_stays_behind,
    ),
    "drafts": lambda: families_in(
        test_parked_tracks.test_a_draft_is_shown_and_going_on_from_it_gives_the_undivided_render
    ),
    "LoRA": lambda: (
        families_in(test_adapters.test_an_adapter_does_to_the_bit_what_the_pipeline_does_with_it)
        & {getattr(each, "values", (each,))[0] for each in test_lora_weights.FAMILIES}
    ),
    "weights": lambda: sharded("weights"),
    "sequence": lambda: sharded("sequence"),
    "layers": lambda: families_in(test_sharding.test_layers_on_several_devices_render_the_same_bits),
    "one file": lambda: families_in(
        test_single_file_layouts.test_a_file_under_the_authors_own_names_renders_what_the_folder_does_to_the_bit
    ),
    "GGUF": lambda: families_in(
        test_single_file_layouts.test_from_gguf_a_family_renders_by_the_numbers_that_the_file_holds
    ),
    "whole farm": lambda: FARMS | families_in(test_each_family.test_it_comes_out_as_the_pipeline_makes_it),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_family_has_what_the_table_says(column: str) -> None:
    assert {family for family, row in table().items() if row[column] == "yes"} == COLUMNS[column]()


def test_every_family_is_held_against_its_pipeline_with_all_its_samplers_guided_and_not_in_both_dtypes() -> None:
    said = {family: row["bits"] for family, row in table().items()}
    assert said == held_to_the_bit(PROMISES)
    assert said == {family: f"{len(found)} × 2 × 2" for family, found in tiny_pipelines.SAMPLERS.items()}


def shipped() -> list[ModelEntry]:
    """The published models of the catalog."""
    entries = load_catalog(Settings(), {}).models.values()
    return [entry for entry in entries if not (entry.source.path or "").startswith("package:")]


def test_each_family_has_as_many_entries_as_the_table_says_and_each_says_what_it_needs() -> None:
    counted = dict.fromkeys(tiny_pipelines.SAMPLERS, 0)
    for entry in shipped():
        variant = entry.family == "sana-video" and entry.frame_multiple == 8
        counted["sana-video-720p" if variant else entry.family] += 1
        assert entry.memory_gb > 1
        assert entry.seconds_per_step_megapixel > 0
        assert entry.architecture.keys() >= {"transformer", "text_encoder", "vae"}
        asked = {"width", "height", "num_inference_steps", "guidance_scale", "sampler"}
        asked |= {"num_frames", "fps"} if entry.family in tiny_pipelines.CLIPS else set()
        assert entry.defaults.keys() >= asked
    assert {family: int(row["entries"]) for family, row in table().items()} == counted
