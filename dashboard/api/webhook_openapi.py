"""What the farm sends to webhooks, for the OpenAPI document: a receiver is written from it as a client is."""

from typing import Any

from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel

from dashboard.api.common import WEBHOOKS, json_body
from scheduler.webhooks.events import JOB_EVENTS, TEST, EventType, JobEnded, RendersEnded, WebhookTest

_HEADERS = {
    "webhook-id": "The event: the same at each attempt",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970",
    "webhook-signature": "v1,… by https://www.standardwebhooks.com/",
}


def describe_sent_events(blueprint: APIBlueprint) -> dict[str, Any]:
    """The document's `webhooks`: by type of event the request that receivers get; bodies become components."""
    kinds: dict[str, type[BaseModel]] = {
        event_type.value: JobEnded if event_type in JOB_EVENTS else RendersEnded for event_type in EventType
    }
    return {name: {"post": _operation(blueprint, name, body)} for name, body in (kinds | {TEST: WebhookTest}).items()}


def _operation(blueprint: APIBlueprint, name: str, body: type[BaseModel]) -> dict[str, Any]:
    headers = [
        {"name": header, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
        for header, text in _HEADERS.items()
    ]
    answers = {
        "2XX": {"description": "It has arrived"},
        "410": {"description": "Send nothing more: the webhook is disabled"},
        "default": {"description": "It is sent again later"},
    }
    rest = {"tags": [WEBHOOKS.name], "summary": f"{name}", "parameters": headers, "responses": answers, "security": []}
    return rest | json_body(blueprint, body)
