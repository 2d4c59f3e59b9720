"""The OpenAPI document says what the door checks: where it lets an empty value through, so does the door."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.dashboard.conftest import House

EMPTY: tuple[Any, ...] = ("", [], {}, [""], 0, -1)
REQUEST = {"model": "sana-demo", "prompt": "a red circle"}


@pytest.fixture
def document(house: House) -> dict[str, Any]:
    found: dict[str, Any] = house.client.get("/openapi.json").json
    return found


def test_a_job_with_an_empty_field_is_refused_by_the_schema_where_the_door_refuses_it(
    house: House, document: dict[str, Any]
) -> None:
    schema = {"$ref": "#/components/schemas/JobRequest", "components": document["components"]}
    validator = Draft202012Validator(schema)
    let_through = []
    for name in document["components"]["schemas"]["JobRequest"]["properties"]:
        for value in EMPTY:
            asked = {**REQUEST, name: value}
            answer = house.post("/api/v1/jobs", json={**asked, "dry_run": True} if name != "dry_run" else asked)
            faults = answer.json.get("errors", []) if answer.status_code == 422 else []
            # What a model has nothing of is said by its own schema.
            refused = [fault["detail"] for fault in faults if fault["pointer"].startswith(f"/{name}")]
            if refused and "leave it out" not in refused[0] and validator.is_valid(asked):
                let_through.append((name, value, refused[0]))
    assert not let_through, "\n".join(map(repr, let_through))
