"""DELETE /api/v1/webhooks/{webhook_id}: tell an address nothing more."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import WEBHOOKS, WebhookPath
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from scheduler.webhooks.subscriptions import remove_webhook


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/webhooks/<webhook_id>", tags=[WEBHOOKS], responses={204: None})
    def delete_webhook(path: WebhookPath) -> Response:
        """Remove a webhook with the log of its deliveries; what is still to be sent is not sent."""
        remove_webhook(
            farm().engine, principal().project_id, known_form("webhook", path.webhook_id), clock=farm().clock
        )
        return Response(status=204)
