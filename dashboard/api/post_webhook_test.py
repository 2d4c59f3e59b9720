"""POST /api/v1/webhooks/{webhook_id}/test: send an event of the type 'webhook.test'."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import WEBHOOKS, WebhookPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.webhooks import shown_delivery
from dashboard.schemas import WebhookDelivery
from scheduler.webhooks.subscriptions import write_test


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/webhooks/<webhook_id>/test", tags=[WEBHOOKS], responses={202: WebhookDelivery})
    def post_webhook_test(path: WebhookPath) -> Response:
        """Have a test sent, with the next round of the scheduler; its delivery says what came of it."""
        webhook_id = known_form("webhook", path.webhook_id)
        written = write_test(farm().engine, principal().project_id, webhook_id, farm().clock())
        return reply(shown_delivery(written), 202)
