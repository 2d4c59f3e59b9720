"""POST /api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay: send an event again."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import WEBHOOKS, WebhookPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.webhooks import shown_delivery
from dashboard.schemas import WebhookDelivery
from farm.database import write
from scheduler.webhooks.deliveries import replay
from scheduler.webhooks.subscriptions import find_webhook


class DeliveryPath(WebhookPath):
    """The address of a delivery."""

    delivery_id: str = Field(description="Its id", json_schema_extra={"format": "uuid"})


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/webhooks/<webhook_id>/deliveries/<delivery_id>/replay", tags=[WEBHOOKS], responses={202: WebhookDelivery}
    )
    def post_webhook_delivery_replay(path: DeliveryPath) -> Response:
        """Send an event again, whatever came of it before; under the same webhook-id, so that a receiver knows it."""
        webhook_id, delivery_id = known_form("webhook", path.webhook_id), known_form("delivery", path.delivery_id)
        with write(farm().engine) as connection:
            find_webhook(connection, principal().project_id, webhook_id)
            return reply(shown_delivery(replay(connection, webhook_id, delivery_id, farm().clock())), 202)
