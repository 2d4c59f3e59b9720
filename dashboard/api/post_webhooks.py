"""POST /api/v1/webhooks: have an address told of the project's events."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import WEBHOOKS, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.webhooks import shown_webhook
from dashboard.schemas import CreatedWebhook
from scheduler.webhooks.addresses import named_networks
from scheduler.webhooks.events import JOB_EVENTS, EventType
from scheduler.webhooks.subscriptions import checked_url, create_webhook


class NewWebhook(BaseModel):
    """Who is to be told, and of what."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(
        min_length=1, max_length=1000, description="https://…; http:// only into networks that the operator has named"
    )
    event_types: list[EventType] = Field(
        list(JOB_EVENTS), min_length=1, max_length=20, description="Without it: every end of a job, and of no render"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/webhooks",
        tags=[WEBHOOKS],
        responses={201: CreatedWebhook},
        openapi_extensions=json_body(blueprint, NewWebhook),
    )
    def post_webhooks() -> Response:
        """Have an address told when jobs of your project end; the answer has the secret that signs, this once."""
        return reply(add_webhook(NewWebhook.model_validate(read_json())), 201)


def add_webhook(asked: NewWebhook) -> CreatedWebhook:
    """Make a webhook of the asker's project. Raises InvalidRequest, Conflict."""
    url = checked_url(asked.url, named_networks(farm().settings.webhook_networks))
    row, secret = create_webhook(farm().engine, principal().project_id, url, asked.event_types, farm().clock())
    return CreatedWebhook(**shown_webhook(row).model_dump(), secret=secret)
