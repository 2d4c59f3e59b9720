"""GET /api/v1/webhooks: who is told of the project's events."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import WEBHOOKS, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.webhooks import shown_webhook
from dashboard.schemas import WebhookList
from farm.database import read
from scheduler.webhooks.subscriptions import list_webhooks


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/webhooks", tags=[WEBHOOKS], responses={200: WebhookList})
    def get_webhooks() -> Response:
        """List the webhooks of your project, the oldest first."""
        with read(farm().engine) as connection:
            rows = list_webhooks(connection, principal().project_id)
        return reply(WebhookList(items=[shown_webhook(row) for row in rows]))
