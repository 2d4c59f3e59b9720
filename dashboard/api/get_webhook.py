"""GET /api/v1/webhooks/{webhook_id}: one webhook."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import WEBHOOKS, WebhookPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.webhooks import shown_webhook
from dashboard.schemas import Webhook
from farm.database import read
from scheduler.webhooks.subscriptions import find_webhook


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/webhooks/<webhook_id>", tags=[WEBHOOKS], responses={200: Webhook})
    def get_webhook(path: WebhookPath) -> Response:
        """Show a webhook of your project; its secret is not shown again."""
        webhook_id = known_form("webhook", path.webhook_id)
        with read(farm().engine) as connection:
            return reply(shown_webhook(find_webhook(connection, principal().project_id, webhook_id)))
