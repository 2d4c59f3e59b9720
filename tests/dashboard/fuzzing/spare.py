"""Hooks of schemathesis: what it may call, and how it reads events."""

import os
from typing import Any

import schemathesis

#: Users and keys that the run itself comes with, with commas between them.
_SPARED = frozenset(os.environ["FUZZ_SPARED"].split(","))


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Whether the case may be sent: none may change or end what the run comes with."""
    named = (case.path_parameters or {}).get("name" if "/users/" in case.path else "key_id")
    return case.method.upper() == "GET" or named not in _SPARED


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Have events held to their schemas, under `x-events` here: OpenAPI has a place for them from 3.2 on only."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for content in _streams(operation):
                del content["schema"]  # of the whole as text, which it would take for a list of events
                content["itemSchema"] = {
                    "oneOf": [
                        {
                            "required": ["event", "data"],
                            "properties": {
                                "event": {"const": name},
                                "data": {"contentMediaType": "application/json", "contentSchema": schema},
                            },
                        }
                        for name, schema in content["x-events"].items()
                    ]
                }


def _streams(operation: Any) -> list[dict[str, Any]]:
    answers = operation.get("responses", {}).values() if isinstance(operation, dict) else ()
    contents = [answer.get("content", {}).get("text/event-stream", {}) for answer in answers]
    return [content for content in contents if "x-events" in content]
