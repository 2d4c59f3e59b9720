"""Webhooks and their deliveries as people see them; never a secret."""

from typing import Any

from dashboard.schemas import Webhook, WebhookDelivery
from dashboard.times import iso, iso_or_none
from scheduler.webhooks.deliveries import state_of


def shown_webhook(row: Any) -> Webhook:
    """A row of `webhooks`."""
    return Webhook(
        id=row.id,
        url=row.url,
        event_types=row.event_types,
        enabled=row.enabled,
        disabled_reason=row.disabled_reason,
        old_secret_until=iso_or_none(row.old_secret_until),
        created_at=iso(row.created_at),
    )


def shown_delivery(row: Any) -> WebhookDelivery:
    """A row of `webhook_deliveries`."""
    return WebhookDelivery(
        id=row.id,
        event_id=row.event_id,
        event_type=row.event_type,
        state=state_of(row),
        attempts=row.attempts,
        attempted_at=iso_or_none(row.attempted_at),
        last_status=row.last_status,
        last_error=row.last_error,
        next_attempt_at=iso_or_none(row.next_attempt_at),
        delivered_at=iso_or_none(row.delivered_at),
        created_at=iso(row.created_at),
        payload=row.payload,
    )
