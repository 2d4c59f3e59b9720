"""Seeds: 64 bits, exact whichever way they come and go, and drawn where that is asked for."""

import json
from itertools import count
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from farm.catalog import load_catalog
from farm.errors import InvalidRequest
from farm.manifest import summary_line
from farm.params import (
    MAX_SEED,
    RenderParameters,
    check_and_resolve,
    parameters_schema,
    parse_json_body,
    parse_parameters,
)
from farm.settings import load_settings
from scheduler.intake.records import from_text

CATALOG = load_catalog(load_settings(variables={}), {})
EDGES = [0, 2**32, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1]


def asked(**fields: Any) -> tuple[list[RenderParameters], list[str]]:
    """Renders and notices of a request that came as JSON; seeds are drawn as 100, 101, …"""
    drawn = count(100)
    document = parse_json_body(json.dumps({"model": "sana-demo", "prompt": "a red circle", **fields}).encode(), 10_000)
    _, resolved = check_and_resolve(document, CATALOG, max_renders=100, draw_seed=lambda: next(drawn))
    return list(resolved.renders), resolved.notices


@given(st.sampled_from(EDGES) | st.integers(0, MAX_SEED))
def test_a_seed_of_64_bits_is_exact_as_a_number_and_as_a_text(seed: int) -> None:
    for sent in (seed, str(seed)):
        [render], notices = asked(seed=sent)
        assert render.seed == seed
        assert notices == []
        stored = json.loads(json.dumps(render.document(), default=str))
        assert parse_parameters({**stored, "loras": ()}).seed == seed
        assert TypeAdapter(dict[str, Any]).validate_json(json.dumps(stored, default=str))["seed"] == seed  # a manifest
        assert f"Seed: {seed}," in summary_line(stored, "sana-demo")


@given(st.sampled_from(EDGES) | st.integers(0, MAX_SEED))
def test_a_seed_in_a_cell_of_a_table_is_exact(seed: int) -> None:
    [render], _ = asked(seed=from_text("seed", str(seed)))
    assert render.seed == seed


def test_minus_one_draws_a_seed() -> None:
    [render], _ = asked(seed=-1)
    assert render.seed == 100
    assert [render.seed for render in asked(seed="-1")[0]] == [100]
    assert [render.seed for render in asked(seeds=[-1, 7, -1])[0]] == [100, 7, 101]
    assert [render.seed for render in asked(seed=from_text("seed", "-1"))[0]] == [100]


def test_seeds_that_draw_the_same_noise_are_told() -> None:
    _, notices = asked(seeds=[7, 2**32 + 7, 8])
    assert notices == ["/seeds: 7 and 4294967303 draw the same noise: torch takes the lower 32 bits of a seed"]
    assert asked(seeds=[7, 7, 8])[1] == []  # whoever names one twice knows


@pytest.mark.parametrize("seed", [-2, 2**64, "-2", str(2**64), "1e3", "٣", " 7", "", True, 7.0, None])
def test_the_models_schema_takes_what_request_validation_takes(seed: object) -> None:
    schema = parameters_schema(CATALOG.model("sana-demo"))["properties"]["seed"]
    legal = jsonschema.Draft202012Validator(schema).is_valid(seed)
    # JSON Schema takes 7.0 for a whole number and cannot count to 2^64 in texts: request validation is stricter there.
    if legal and seed not in (7.0, str(2**64)):
        asked(seed=seed)
    else:
        with pytest.raises(InvalidRequest):
            asked(seed=seed)
