"""GET /api/v1/webhooks/{webhook_id}/deliveries: what was sent, and is still to be sent."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import WEBHOOKS, PageQuery, WebhookPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.ids import known_form
from dashboard.reads.webhooks import shown_delivery
from dashboard.schemas import WebhookDeliveryPage
from farm.database import read
from scheduler.webhooks.deliveries import DeliveryState, list_deliveries
from scheduler.webhooks.subscriptions import find_webhook


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    state: DeliveryState | None = Field(None, description="Only those that stand so")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/webhooks/<webhook_id>/deliveries", tags=[WEBHOOKS], responses={200: WebhookDeliveryPage})
    def get_webhook_deliveries(path: WebhookPath, query: DeliveryQuery) -> Response:
        """List the deliveries of a webhook, the newest first, with what came of the last attempt at each."""
        webhook_id, before = (
            known_form("webhook", path.webhook_id),
            read_older_than(NewestFirst.DELIVERIES, query.cursor),
        )
        with read(farm().engine) as connection:
            find_webhook(connection, principal().project_id, webhook_id)
            rows = list_deliveries(connection, webhook_id, state=query.state, before=before, limit=query.limit + 1)
        shown = rows[: query.limit]
        behind = older_than(NewestFirst.DELIVERIES, shown[-1].id) if len(rows) > query.limit else None
        return reply(WebhookDeliveryPage(items=[shown_delivery(row) for row in shown], next_cursor=behind))
