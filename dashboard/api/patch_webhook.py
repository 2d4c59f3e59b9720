"""PATCH /api/v1/webhooks/{webhook_id}: another address, other events, off or on."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import WEBHOOKS, WebhookPath, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.reads.webhooks import shown_webhook
from dashboard.schemas import Webhook
from scheduler.webhooks.addresses import named_networks
from scheduler.webhooks.events import EventType
from scheduler.webhooks.subscriptions import WebhookChange, change_webhook, checked_url


class WebhookPatch(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    url: str | None = Field(None, min_length=1, max_length=1000, description="Where to send from now on")
    event_types: list[EventType] | None = Field(None, min_length=1, max_length=20, description="What to tell it")
    enabled: bool | None = Field(
        None, strict=True, description="false: send nothing; true: also what was still to be sent"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.patch(
        "/webhooks/<webhook_id>",
        tags=[WEBHOOKS],
        responses={200: Webhook},
        openapi_extensions=json_body(blueprint, WebhookPatch),
    )
    def patch_webhook(path: WebhookPath) -> Response:
        """Change a webhook. What is still to be sent goes to the new address."""
        return reply(change(path.webhook_id, WebhookPatch.model_validate(read_json())))


def change(webhook_id: str, asked: WebhookPatch) -> Webhook:
    """Change a webhook of the asker's project; what it is now. Raises NotFound, InvalidRequest."""
    url = asked.url and checked_url(asked.url, named_networks(farm().settings.webhook_networks))
    wanted = WebhookChange(url=url, event_types=asked.event_types, enabled=asked.enabled)
    who, connections, webhook_id = principal(), farm(), known_form("webhook", webhook_id)
    return shown_webhook(
        change_webhook(connections.engine, who.project_id, webhook_id, wanted, clock=connections.clock)
    )
